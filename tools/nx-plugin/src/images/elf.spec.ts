import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import * as path from 'node:path';
import { elfFiles, refuseForeign } from './elf';
import { platformOf } from './platform';

describe('packages for a platform', () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'elf-'));
  afterAll(() => rmSync(folder, { recursive: true }));
  const library = (name: string, machine: number) => {
    const header = Buffer.alloc(64);
    header.write('\x7fELF', 'latin1');
    header.writeUInt16LE(machine, 18);
    mkdirSync(path.dirname(path.join(folder, name)), { recursive: true });
    writeFileSync(path.join(folder, name), header);
  };

  it('are refused when a library is for another machine, which is named', () => {
    library('good/a.so', 183);
    writeFileSync(path.join(folder, 'good/b.py'), '');
    expect(elfFiles(folder)).toEqual({ 'good/a.so': 183 });
    library('good/attach_linux_amd64.so', 62);
    refuseForeign(folder, platformOf('linux/arm64'));
    library('bad/c.cpython-311-x86_64-linux-gnu.so', 62);
    expect(() => refuseForeign(folder, platformOf('linux/arm64'))).toThrow(
      expect.objectContaining({ code: 'FOREIGN_BINARY', details: ['bad/c.cpython-311-x86_64-linux-gnu.so'] }),
    );
  });
});
