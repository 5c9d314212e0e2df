import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import * as path from 'node:path';
import { CLIENTS } from './clients';
import { install, withEntry } from './install';

const entry = { command: 'node', args: ['main.cjs'] };

describe('the entry in a client’s file', () => {
  it('leaves comments, order and other servers as they are', () => {
    const text = `{
  // mine
  "servers": { "other": { "command": "x" } },
  "inputs": [], // asked for
}
`;
    const after = withEntry('mcp.json', text, ['servers', 'stack'], entry);
    expect(after).toContain('// mine');
    expect(after).toContain('// asked for');
    expect(after).toMatch(/"other": \{\s+"command": "x"/);
    expect(after).toMatch(/"stack": \{\s+"command": "node"/);
    expect(withEntry('mcp.json', after, ['servers', 'stack'], entry)).toBe(after);
    const changed = withEntry('mcp.json', after, ['servers', 'stack'], { command: 'deno' });
    expect(changed).toContain('deno');
    expect(changed).not.toContain('main.cjs');
  });

  it.each(['{"mcpServers": {', '[1]', '"text"', 'no json'])('refuses %s and says where', (text) => {
    expect(() => withEntry('mcp.json', `\n${text}`, ['mcpServers', 'stack'], entry)).toThrow(/mcp\.json/);
  });
});

describe('stack mcp install', () => {
  const dir = mkdtempSync(path.join(tmpdir(), 'mcp-install-'));
  const before = { ...process.env };
  const said: string[] = [];
  beforeAll(() => {
    jest.spyOn(console, 'log').mockImplementation((line: string) => void said.push(line));
    mkdirSync(path.join(dir, 'stacks/spec/registry'), { recursive: true });
    Object.assign(process.env, {
      HOME: dir,
      XDG_CONFIG_HOME: path.join(dir, '.config'),
      INIT_CWD: path.join(dir, 'project'),
      STACK: 'spec',
      STACK_HOME: path.join(dir, 'stacks'),
    });
  });
  afterAll(() => {
    jest.restoreAllMocks();
    for (const name of Object.keys(process.env)) if (!(name in before)) delete process.env[name];
    Object.assign(process.env, before);
    rmSync(dir, { recursive: true });
  });
  const deployed = (runtime: string) =>
    writeFileSync(
      path.join(dir, 'stacks/spec/registry/mcp-server.json'),
      JSON.stringify({ unit: 'mcp-server', runtime, processes: ['stack-spec-mcp-server'] }),
    );

  it('says what to do before it is deployed, and for a client that nobody knows', async () => {
    await expect(install('claude', { yes: true })).rejects.toThrow(/isn't deployed/);
    await expect(install('emacs', { yes: true })).rejects.toThrow(/no client called emacs/);
  });

  it.each(Object.keys(CLIENTS))('shows the difference, and writes it once: %s', async (client) => {
    deployed('native');
    const file = CLIENTS[client].file(path.join(dir, 'project'));
    expect(file.startsWith(dir)).toBe(true);
    said.length = 0;
    await install(client, { print: true });
    expect(said.join('\n')).toContain('+      "command"');
    expect(existsSync(file)).toBe(false);
    await install(client, { yes: true });
    const written = readFileSync(file, 'utf8');
    const server = (JSON.parse(written) as Record<string, Record<string, { args: string[] }>>)[
      CLIENTS[client].key
    ];
    expect(server['stack-spec'].args).toContain('--stdio');
    expect(server['stack-spec'].args).not.toContain('--operate');
    said.length = 0;
    await install(client, { yes: true });
    expect([said.length, said[0]]).toEqual([1, expect.stringContaining('has it already')]);
    await install(client, { yes: true, operate: true });
    expect(readFileSync(file, 'utf8')).toContain('--operate');
  });

  it('starts it in its container where the stack is in Docker', async () => {
    deployed('docker');
    await install('cursor', { yes: true });
    const { mcpServers } = JSON.parse(readFileSync(CLIENTS.cursor.file(dir), 'utf8')) as {
      mcpServers: Record<string, { command: string; args: string[] }>;
    };
    const { command, args } = mcpServers['stack-spec'];
    expect([command, ...args.slice(0, 3)]).toEqual(['docker', 'exec', '-i', 'stack-spec-mcp-server']);
  });

  it('leaves a file alone that is no JSON', async () => {
    const file = CLIENTS.windsurf.file(dir);
    writeFileSync(file, '{ broken');
    await expect(install('windsurf', { yes: true })).rejects.toThrow(/nothing was changed|is no JSON object/);
    expect(readFileSync(file, 'utf8')).toBe('{ broken');
  });
});
