/** The idle stack's memory by service: proportional set size, which counts what is shared once. */
import { stackPaths, stackStatus } from '@stack/runtime';

const megabytes = (bytes = 0) => `${(bytes / 2 ** 20).toFixed(0)} MB`;

async function main(): Promise<void> {
  // What a start leaves behind (caches, freed pages) settles.
  await new Promise((done) => setTimeout(done, 20_000));
  const { units, supervisor } = await stackStatus(stackPaths());
  for (const { name, memoryBytes } of units)
    if (memoryBytes) console.log(`  ${name.padEnd(16)} ${megabytes(memoryBytes).padStart(8)}`);
  console.log(`  ${'supervisor'.padEnd(16)} ${megabytes(supervisor?.memoryBytes).padStart(8)}`);
  const total = units.reduce((sum, unit) => sum + (unit.memoryBytes ?? 0), supervisor?.memoryBytes ?? 0);
  console.log(`idle stack ${megabytes(total)} (target below 1.3 GB)`);
}

void main();
