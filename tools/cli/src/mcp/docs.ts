/** `stack mcp docs`: writes the lists of docs/mcp.md anew, from the adapters. */
import { existsSync, readFileSync } from 'node:fs';
import * as path from 'node:path';
import type { Adapter, PromptSpec, ResourceSpec, Tool } from '@stack/mcp';
import { Loader, findWorkspace, requireTypeScript, writeIfChanged } from '@stack/runtime';
import { z } from 'zod';

const MARKS = /(<!-- tools -->\n)[\s\S]*(<!-- end of tools -->)/;

export function docs(): void {
  const workspace = findWorkspace();
  const file = path.join(workspace, 'docs', 'mcp.md');
  const text = readFileSync(file, 'utf8');
  const changed = writeIfChanged(file, withTools(text, adaptersOf(workspace)));
  console.log(changed ? '✔ docs/mcp.md written' : '✔ docs/mcp.md is current');
}

/** The adapters of the workspace, by unit, in alphabetical order. */
export function adaptersOf(workspace: string): [string, Adapter][] {
  return [...new Loader(workspace).folders.values()]
    .map(({ name, root }) => [name, path.join(workspace, root, 'mcp.ts')] as const)
    .filter(([, file]) => existsSync(file))
    .sort(([a], [b]) => a.localeCompare(b))
    .map(([name, file]) => [name, requireTypeScript<{ adapter: Adapter }>(file).adapter]);
}

/** The page with what the adapters have. */
export const withTools = (page: string, adapters: readonly [string, Adapter][]): string =>
  page.replace(
    MARKS,
    (_, begin: string, end: string) =>
      `${begin}\n${adapters.map(([unit, adapter]) => section(unit, adapter)).join('\n\n')}\n\n${end}`,
  );

function section(unit: string, { tools = [], resources = [], prompts = [] }: Adapter): string {
  return [
    `### ${unit}`,
    table(['tool', 'what it gives', 'arguments'], tools.map(toolRow)),
    table(['resource', 'what it is'], resources.map(resourceRow)),
    table(['prompt', 'what it is for', 'arguments'], prompts.map(promptRow)),
  ]
    .filter(Boolean)
    .join('\n\n');
}

const table = (head: string[], rows: string[][]): string =>
  rows.length === 0
    ? ''
    : [head, head.map(() => '---'), ...rows].map((row) => `| ${row.map(cell).join(' | ')} |`).join('\n');

const cell = (text: string): string => text.replaceAll('|', '\\|').replaceAll(/\s+/g, ' ');

function toolRow({ name, description, input, changes }: Tool): string[] {
  const { properties = {}, required = [] } = z.toJSONSchema(input, { io: 'input' });
  const fields = Object.keys(properties).map((key) => `\`${key}${required.includes(key) ? '' : '?'}\``);
  return [`\`${name}\`${changes ? ' *' : ''}`, description, fields.join(', ')];
}

const resourceRow = ({ uri, description }: ResourceSpec): string[] => [`\`${uri}\``, description];

const promptRow = ({ name, description, arguments: fields }: PromptSpec): string[] => [
  `\`${name}\``,
  description,
  Object.entries(fields)
    .map(([key, { required }]) => `\`${key}${required ? '' : '?'}\``)
    .join(', '),
];
