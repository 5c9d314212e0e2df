/** Every unit's Terraform files at once: what one unit's spec can't see. */
import { Loader, LAYERS, findWorkspace } from '@stack/runtime';
import { readEnvironments } from '@stack/terraform/environments';
import { type Synthesised, synthesise } from '@stack/terraform/cdktf';

const workspace = findWorkspace();
const loader = new Loader(workspace);
const units = loader.all();
const layerOf = (unit: string) => LAYERS.indexOf(loader.folder(unit).layer);

describe.each(Object.values(readEnvironments(workspace)))('Terraform’s files of $name', (environment) => {
  const all = new Map<string, Synthesised>();
  for (const unit of units) {
    const synth = synthesise(unit, environment, units);
    if (synth) all.set(unit.name, synth);
  }
  const outputsOf = (unit: string) => Object.keys((all.get(unit)?.terraform.output ?? {}) as object);

  it('are there for all of the infrastructure, and for the services that are in AWS', () => {
    expect([...all.keys()]).toEqual(
      expect.arrayContaining(['s3', 'snowflake', 'ecr', 'ecs', 'secrets', 'github-oidc', 'state']),
    );
    expect([...all.keys()]).toEqual(
      expect.arrayContaining(['postgres', 'duckdb-http', 'evidence', 'orchestration']),
    );
  });

  it('read only outputs that are there, of units that are deployed before', () => {
    for (const [unit, { terraform, imports }] of all) {
      const text = JSON.stringify(terraform);
      const read = [...text.matchAll(/data\.terraform_remote_state\.([\w-]+)\.outputs\.(\w+)/g)];
      expect([...new Set(read.map(([, other]) => other))].sort()).toEqual(imports);
      for (const [, other, output] of read) {
        expect([unit, other, outputsOf(other)]).toEqual([unit, other, expect.arrayContaining([output])]);
        expect([unit, other, layerOf(other) <= layerOf(unit)]).toEqual([unit, other, true]);
      }
    }
  });

  it('have no secret: values are made by AWS, and written where no plan and no state keeps them', () => {
    for (const [unit, { terraform }] of all) {
      expect([unit, JSON.stringify(terraform.output ?? {})]).toEqual([
        unit,
        expect.not.stringContaining('ephemeral.'),
      ]);
      const resources = JSON.stringify(terraform.resource ?? {});
      expect([unit, resources]).toEqual([
        unit,
        expect.not.stringMatching(/"(secret_string|password|auth_token)":"/),
      ]);
      // An ephemeral value outside of a write-only argument is refused by Terraform itself; here it is found earlier.
      for (const [, argument] of resources.matchAll(/"(\w+)":"[^"]*ephemeral\./g))
        expect([unit, argument]).toEqual([unit, expect.stringMatching(/_wo$/)]);
    }
  });

  it('name everything after the environment', () => {
    const prefix = `${environment.project}-${environment.name}`;
    for (const [unit, { terraform }] of all) {
      const named = Object.entries(
        (terraform.resource ?? {}) as Record<string, Record<string, { name?: string; bucket?: string }>>,
      )
        .filter(([type]) =>
          ['aws_s3_bucket', 'aws_iam_role', 'aws_iam_policy', 'aws_secretsmanager_secret'].includes(type),
        )
        .flatMap(([, resources]) => Object.values(resources).map(({ name, bucket }) => name ?? bucket));
      for (const name of named) expect([unit, name]).toEqual([unit, expect.stringMatching(`^${prefix}[-/]`)]);
    }
  });
});
