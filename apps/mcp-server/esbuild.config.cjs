'use strict';
/** Puts imports of every adapter in the place of src/adapters.ts, which looks for them when it runs. */
const fs = require('node:fs');
const path = require('node:path');

const workspace = path.resolve(__dirname, '../..');
const json = (file) => JSON.parse(fs.readFileSync(file, 'utf8'));

const DEFINITIONS = ['service.ts', 'module.ts', 'job.ts'];
const has = (folder, file) => fs.existsSync(path.join(workspace, folder, file));

/** Folders of the workspace that have an adapter beside a definition. */
function folders() {
  return json(path.join(workspace, 'package.json'))
    .workspaces.flatMap((pattern) =>
      pattern.endsWith('/*')
        ? fs.readdirSync(path.join(workspace, pattern.slice(0, -2))).map((name) => pattern.replace('*', name))
        : [pattern],
    )
    .filter((folder) => has(folder, 'mcp.ts') && DEFINITIONS.some((file) => has(folder, file)))
    .sort();
}

const adapters = {
  name: 'adapters',
  setup(build) {
    build.onLoad({ filter: /mcp-server[\\/]src[\\/]adapters\.ts$/ }, () => {
      const found = folders();
      const imports = found.map(
        (folder, i) =>
          `import { adapter as a${i} } from ${JSON.stringify(path.join(workspace, folder, 'mcp.ts'))};`,
      );
      const names = found.map((folder) => json(path.join(workspace, folder, 'package.json')).nx.name);
      const entries = names.map((name, i) => `${JSON.stringify(name)}: a${i}`);
      return {
        contents: `${imports.join('\n')}\nexport const adapters = { ${entries.join(', ')} };`,
        loader: 'ts',
        resolveDir: workspace,
      };
    });
  },
};

module.exports = { logLevel: 'warning', outExtension: { '.js': '.cjs' }, plugins: [adapters] };
