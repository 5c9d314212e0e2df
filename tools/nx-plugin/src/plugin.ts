/**
 * Infers the targets of every project from the files that it has. Reads file names and package.json only and never runs a
 * definition, so that the project graph is made fast and can't fail because of one.
 *
 * | a folder with | gets |
 * |---|---|
 * | `service.ts`, `module.ts`, `job.ts` | `build` (definition checked), `deploy`, `destroy`, `status`, `logs`; `synth`, `plan`, `drift` (AWS); a service also `serve` |
 * | the tag `image` in its package.json | `image`: its container image |
 * | `src/main.ts` | `build`: the program, bundled by esbuild (`esbuild.config.cjs`: its own options) |
 * | `src/index.ts` | `build`: the library, by tsc |
 * | a `*.spec.ts` | `test` |
 * | anything | `lint` |
 */
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import * as path from 'node:path';
import {
  type CreateNodes,
  type ProjectConfiguration,
  type TargetConfiguration,
  createNodesFromFiles,
} from '@nx/devkit';
import { LAYERS, type Layer, type UnitFolder, findUnits, layerBelow } from '@stack/runtime/units';

export { postTasksExecution, preTasksExecution } from './one-deploy';

const PROJECTS = '{libs,tools,infra,docker,apps}/*/package.json';
const TOP_PROJECTS = '{orchestration,transformation,tests}/package.json';

export const createNodes: CreateNodes = [
  `{${PROJECTS},${TOP_PROJECTS}}`,
  (files, _options, context) => {
    const units = findUnits(context.workspaceRoot);
    return createNodesFromFiles(
      (file) => {
        const root = path.dirname(file);
        return { projects: { [root]: { targets: targetsOf(context.workspaceRoot, root, units) } } };
      },
      files,
      undefined,
      context,
    );
  },
];

export function targetsOf(
  workspace: string,
  root: string,
  units: readonly UnitFolder[],
): NonNullable<ProjectConfiguration['targets']> {
  const folder = path.join(workspace, root);
  const has = (file: string) => existsSync(path.join(folder, file));
  const unit = units.find((one) => one.root === root);
  const targets: Record<string, TargetConfiguration> = { lint: lint(root) };
  const program = has('src/main.ts');
  if (unit) Object.assign(targets, unitTargets(workspace, unit, units, program));
  if (program) targets.build = buildProgram(root, has('esbuild.config.cjs'));
  else if (has('src/index.ts')) targets.build = buildLibrary(root);
  else if (unit) targets.build = buildDefinition(root);
  if (hasSpec(folder)) targets.test = test(root, unit, collects(folder), has('aws.ts'));
  return targets;
}

const hasTag = (folder: string, tag: string): boolean =>
  (
    (JSON.parse(readFileSync(path.join(folder, 'package.json'), 'utf8')) as { nx?: { tags?: string[] } }).nx
      ?.tags ?? []
  ).includes(tag);

const collects = (folder: string): boolean => hasTag(folder, 'collector');

function hasSpec(folder: string): boolean {
  return readdirSync(folder, { withFileTypes: true }).some((entry) =>
    entry.isDirectory()
      ? !['node_modules', 'dist', 'site', '.venv'].includes(entry.name) &&
        hasSpec(path.join(folder, entry.name))
      : entry.name.endsWith('.spec.ts'),
  );
}

function unitTargets(
  workspace: string,
  unit: UnitFolder,
  units: readonly UnitFolder[],
  program: boolean,
): Record<string, TargetConfiguration> {
  const configurations = {
    native: { runtime: 'native' },
    docker: { runtime: 'docker' },
    // which one of infra/environments.yml: --environment, CLOUD_ENV, else prod
    aws: { runtime: 'aws' },
  };
  const below = layerBelow(unit.layer, units);
  const above = layerAbove(unit.layer, units);
  const supervisor = { projects: ['supervisor'], target: 'build' };
  /** After everything that the unit imports, and after everything in the layer below. */
  const inOrder = (target: string) => [
    `^${target}`,
    ...(below ? [{ projects: [`tag:layer:${below}`], target }] : []),
    ...(program ? ['build'] : []),
    supervisor,
  ];
  const targets: Record<string, TargetConfiguration> = {
    deploy: {
      executor: '@stack/nx-plugin:deploy',
      cache: false,
      dependsOn: inOrder('deploy'),
      defaultConfiguration: 'native',
      configurations,
      metadata: { description: 'Bring it to its wanted state; ends when it is healthy' },
    },
    destroy: {
      executor: '@stack/nx-plugin:destroy',
      cache: false,
      dependsOn: above ? [{ projects: [`tag:layer:${above}`], target: 'destroy' }] : [],
      defaultConfiguration: 'native',
      configurations,
      metadata: { description: 'Stop it and forget it; its data stays' },
    },
    status: {
      executor: '@stack/nx-plugin:status',
      cache: false,
      metadata: { description: 'Health, address, memory' },
    },
    logs: {
      executor: '@stack/nx-plugin:logs',
      cache: false,
      metadata: { description: 'Show its log and follow it' },
    },
  };
  if (hasTag(path.join(workspace, unit.root), 'image'))
    targets.image = {
      executor: '@stack/nx-plugin:image',
      // the engine has what was built; the executor asks it
      cache: false,
      dependsOn: ['build'],
      metadata: { description: 'Build its image (--platform=linux/arm64 for another machine)' },
    };
  Object.assign(targets, cloudTargets(unit, collects(path.join(workspace, unit.root))));
  // What benchmarks/deploy.ts compares a deploy with: the same graph, and nothing done.
  if (process.env.STACK_BENCH) {
    targets['bench-noop'] = {
      executor: '@stack/nx-plugin:noop',
      cache: false,
      dependsOn: inOrder('bench-noop'),
    };
  }
  if (unit.file.endsWith('service.ts')) {
    targets.serve = {
      executor: '@stack/nx-plugin:serve',
      continuous: true,
      cache: false,
      dependsOn: ['^deploy', ...(program ? ['build'] : []), supervisor],
      metadata: { description: 'Develop it: dependencies up, its log attached, restart on change' },
    };
  }
  return targets;
}

/** What makes Terraform's files needs packages that are installed when they are first wanted. */
const CDKTF = [{ projects: ['terraform'], target: 'install' }];

/** Targets in AWS. What Terraform reads is made by `synth`; `plan` and `drift` make it anew, as `deploy` does. */
function cloudTargets(unit: UnitFolder, collector: boolean): Record<string, TargetConfiguration> {
  return {
    synth: {
      executor: '@stack/nx-plugin:synth',
      cache: true,
      dependsOn: CDKTF,
      inputs: [
        'default',
        '^default',
        '{workspaceRoot}/infra/environments.yml',
        ...(collector ? ['definitions'] : []),
      ],
      outputs: [`{workspaceRoot}/dist/${unit.root}/terraform`],
      metadata: { description: 'Write its Terraform files' },
    },
    plan: {
      executor: '@stack/nx-plugin:plan',
      cache: false,
      dependsOn: CDKTF,
      metadata: { description: 'Show what a deploy to AWS would change' },
    },
    drift: {
      executor: '@stack/nx-plugin:drift',
      cache: false,
      dependsOn: CDKTF,
      metadata: { description: 'Say what was changed in AWS by hand' },
    },
  };
}

/** The nearest layer above that has units; undefined for the highest. */
function layerAbove(layer: Layer, units: readonly UnitFolder[]): Layer | undefined {
  return LAYERS.slice(LAYERS.indexOf(layer) + 1).find((higher) =>
    units.some((unit) => unit.layer === higher),
  );
}

const buildDefinition = (root: string): TargetConfiguration => ({
  executor: '@stack/nx-plugin:definition',
  cache: true,
  inputs: ['default', '^default'],
  outputs: [`{workspaceRoot}/dist/${root}/unit.json`],
  options: { outputPath: `dist/${root}` },
  metadata: { description: 'Check its definition and write it out as data' },
});

/** @param configured whether it brings options of its own for esbuild */
const buildProgram = (root: string, configured: boolean): TargetConfiguration => ({
  executor: '@nx/esbuild:esbuild',
  cache: true,
  dependsOn: [],
  inputs: ['default', '^default'],
  outputs: ['{options.outputPath}'],
  options: {
    main: `${root}/src/main.ts`,
    outputPath: `dist/${root}`,
    outputFileName: 'main.cjs',
    tsConfig: 'tsconfig.json',
    platform: 'node',
    target: 'node20',
    format: ['cjs'],
    bundle: true,
    // Packages stay in node_modules, where they are patched and traced; our own libraries go into the bundle.
    thirdParty: false,
    skipTypeCheck: true,
    declaration: false,
    generatePackageJson: false,
    ...(configured
      ? { esbuildConfig: `${root}/esbuild.config.cjs` }
      : { esbuildOptions: { logLevel: 'warning' } }),
  },
  metadata: { description: 'Bundle the program' },
});

const buildLibrary = (root: string): TargetConfiguration => ({
  executor: '@nx/js:tsc',
  cache: true,
  inputs: ['default', '^default'],
  outputs: ['{options.outputPath}'],
  options: {
    main: `${root}/src/index.ts`,
    outputPath: `dist/${root}`,
    tsConfig: `${root}/tsconfig.lib.json`,
  },
  metadata: { description: 'Compile the library' },
});

function test(
  root: string,
  unit: UnitFolder | undefined,
  collector: boolean,
  inAws: boolean,
): TargetConfiguration {
  const results = `test-results/${root.replaceAll('/', '-')}.json`;
  return {
    executor: 'nx:run-commands',
    cache: true,
    // A unit's test starts the unit: it needs the supervisor and its own program.
    dependsOn: [
      ...(unit ? ['build', '^build', { projects: ['supervisor'], target: 'build' }] : ['^build']),
      ...(inAws ? CDKTF : []),
    ],
    inputs: ['default', '^default', '{workspaceRoot}/jest.config.cjs', ...(collector ? ['definitions'] : [])],
    outputs: [`{workspaceRoot}/${results}`],
    options: {
      command: `mkdir -p test-results && jest --rootDir ${root} --json --outputFile ${results}`,
      env: { NODE_OPTIONS: '--experimental-vm-modules --no-warnings' },
    },
    metadata: { description: 'Run its specs' },
  };
}

const lint = (root: string): TargetConfiguration => ({
  executor: 'nx:run-commands',
  cache: true,
  inputs: ['default', '{workspaceRoot}/eslint.config.mjs', '{workspaceRoot}/.prettierrc.json'],
  options: { command: `eslint ${root}` },
  metadata: { description: 'Check style and layer boundaries' },
});
