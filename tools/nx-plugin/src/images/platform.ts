/** A platform that images are built for, in the words of each tool. */
import { StackError } from '@stack/model';

/** Python of docker/images/python.Dockerfile. */
export const PYTHON = '3.11';

export interface Platform {
  readonly name: string;
  /** Docker's TARGETARCH. */
  readonly arch: string;
  /** What an ELF file for it has in its field `e_machine`. */
  readonly machine: number;
  readonly npm: readonly string[];
  readonly uv: readonly string[];
}

const npm = (cpu: string) => ['--os=linux', `--cpu=${cpu}`, '--libc=glibc'];
const uv = (machine: string) => [
  '--python-platform',
  `${machine}-manylinux_2_28`,
  '--python-version',
  PYTHON,
];

export const PLATFORMS: readonly Platform[] = [
  { name: 'linux/amd64', arch: 'amd64', machine: 62, npm: npm('x64'), uv: uv('x86_64') },
  { name: 'linux/arm64', arch: 'arm64', machine: 183, npm: npm('arm64'), uv: uv('aarch64') },
];

/** @throws StackError when images aren't built for it */
export function platformOf(name: string): Platform {
  const found = PLATFORMS.find((one) => one.name === name);
  if (found) return found;
  throw new StackError(
    'BAD_PLATFORM',
    `images aren't built for ${name}`,
    `choose one of ${PLATFORMS.map((one) => one.name).join(', ')}`,
  );
}

/** IMAGE_PLATFORM, else this machine's. */
export const thisPlatform = (name = process.env.IMAGE_PLATFORM): Platform =>
  platformOf(name ?? `linux/${process.arch === 'arm64' ? 'arm64' : 'amd64'}`);
