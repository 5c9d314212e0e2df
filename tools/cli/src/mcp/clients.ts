/** Programs that speak MCP, and where each keeps the servers that it starts. */
import { homedir } from 'node:os';
import * as path from 'node:path';

export interface McpClient {
  readonly title: string;
  /** The file with its servers. @param folder the project's, for those that keep them there */
  file(folder: string): string;
  /** Where in that file they are. */
  readonly key: string;
  /** It wants to be told how the server is reached. */
  readonly typed?: boolean;
}

const home = (...parts: string[]): string => path.join(process.env.HOME || homedir(), ...parts);

/** Where programs keep their settings, by system. */
const settings = (...parts: string[]): string =>
  process.platform === 'darwin'
    ? home('Library', 'Application Support', ...parts)
    : path.join(process.env.XDG_CONFIG_HOME || home('.config'), ...parts);

export const CLIENTS: Readonly<Record<string, McpClient>> = {
  claude: {
    title: 'Claude Desktop',
    file: () => settings('Claude', 'claude_desktop_config.json'),
    key: 'mcpServers',
  },
  'claude-code': {
    title: 'Claude Code, in this folder',
    file: (folder) => path.join(folder, '.mcp.json'),
    key: 'mcpServers',
    typed: true,
  },
  cursor: { title: 'Cursor', file: () => home('.cursor', 'mcp.json'), key: 'mcpServers' },
  gemini: { title: 'Gemini CLI', file: () => home('.gemini', 'settings.json'), key: 'mcpServers' },
  vscode: {
    title: 'Visual Studio Code, in this folder',
    file: (folder) => path.join(folder, '.vscode', 'mcp.json'),
    key: 'servers',
    typed: true,
  },
  windsurf: {
    title: 'Windsurf',
    file: () => home('.codeium', 'windsurf', 'mcp_config.json'),
    key: 'mcpServers',
  },
};
