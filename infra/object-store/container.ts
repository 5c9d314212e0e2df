/** SeaweedFS in a container: its keys come in the environment, and go to a file that only memory has. */
import { identitiesOf, weed } from './weed';

const IDENTITIES = '/tmp/s3.json';
/** In the volume where it is natively: so its files can move between the runtimes. */
const BLOBS = '/data/blobs';

export function inContainer(): string[] {
  const variable = (part: string) => (name: string) => `$${name.toUpperCase()}_${part}`;
  const document = identitiesOf(variable('KEY_ID'), variable('KEY'));
  const flags = { dir: BLOBS, ip: 'object-store', 'ip.bind': '0.0.0.0', 's3.config': IDENTITIES };
  return [
    'sh',
    '-c',
    `mkdir -p ${BLOBS} && umask 077 && cat > ${IDENTITIES} <<END\n${document}\nEND\nexec weed "$@"`,
    'weed',
    ...weed(flags),
  ];
}
