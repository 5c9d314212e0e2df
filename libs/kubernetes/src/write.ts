/** Writes the manifests to a folder: a file a service, and a script that makes what they refer to. */
import { chmodSync, rmSync } from 'node:fs';
import * as path from 'node:path';
import { StackError, type Unit } from '@stack/model';
import { writeIfChanged } from '@stack/runtime';
import { stringify } from 'yaml';
import { type ClusterOptions, manifestsOf, reasonForAbsence } from './manifests';

export interface Written {
  readonly services: readonly string[];
  /** Services that aren't in the cluster, and why. */
  readonly absent: Readonly<Record<string, string>>;
}

/** What each option may be: they become names in a cluster, and parts of a script. */
const ALLOWED: Readonly<Record<keyof ClusterOptions, RegExp>> = {
  namespace: /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/,
  domain: /^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$/,
  registry: /^[a-z0-9][a-z0-9._:/-]*$/,
  tag: /^[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$/,
};

/** @throws StackError when an option isn't what a cluster takes */
export function writeManifests(folder: string, units: readonly Unit[], options: ClusterOptions): Written {
  for (const [name, allowed] of Object.entries(ALLOWED)) {
    const value = options[name as keyof ClusterOptions];
    if (!allowed.test(value))
      throw new StackError(
        'BAD_ARGUMENT',
        `${value} can't be a ${name} in a cluster`,
        `choose another: ${name.toUpperCase()}=…`,
      );
  }
  rmSync(folder, { recursive: true, force: true });
  const all = manifestsOf(units, options);
  for (const [name, manifests] of Object.entries(all))
    writeIfChanged(
      path.join(folder, `${name}.yaml`),
      manifests.map((one) => stringify(one, { aliasDuplicateObjects: false })).join('---\n'),
    );
  const script = path.join(folder, 'prepare.sh');
  writeIfChanged(script, prepareScript(units, Object.keys(all), options));
  chmodSync(script, 0o755);
  const absent = units.flatMap((unit) => {
    const reason = unit.kind === 'service' ? reasonForAbsence(unit) : undefined;
    return reason ? [[unit.name, reason] as const] : [];
  });
  return { services: Object.keys(all), absent: Object.fromEntries(absent) };
}

/** Namespace and secrets: made in the cluster, once, so that no file has them. */
function prepareScript(
  units: readonly Unit[],
  names: readonly string[],
  { namespace }: ClusterOptions,
): string {
  const lines = units.flatMap((unit) => {
    if (unit.kind !== 'service' || !names.includes(unit.name)) return [];
    const secrets = Object.entries(unit.secrets);
    if (secrets.length === 0) return [];
    const literals = secrets.map(([key, { bytes }]) => `--from-literal=${key}="$(secret ${bytes})"`);
    return [
      `exists ${unit.name} || kubectl create secret generic ${unit.name} --namespace ${namespace} ${literals.join(' ')}`,
    ];
  });
  return `#!/bin/sh
# Makes the namespace and the secrets that the manifests refer to; what is there already stays.
set -eu
secret() { head -c "$1" /dev/urandom | base64 | tr -d '=\\n' | tr '+/' '-_'; }
exists() { kubectl get secret "$1" --namespace ${namespace} >/dev/null 2>&1; }
kubectl get namespace ${namespace} >/dev/null 2>&1 || kubectl create namespace ${namespace}
${lines.join('\n')}
`;
}
