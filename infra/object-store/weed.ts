/** SeaweedFS's configuration, the same on this machine and in a container. */

/** Actions that each key allows; the writer's: everything in every bucket, and making buckets. */
const ACTIONS = { writer: ['Admin', 'Read', 'Write', 'List', 'Tagging'], reader: ['Read', 'List'] } as const;
type Identity = keyof typeof ACTIONS;

/** Who may do what. With identities named, SeaweedFS refuses anonymous clients; without, it would let them write. */
export const identitiesOf = (keyId: (name: Identity) => string, key: (name: Identity) => string): string =>
  JSON.stringify({
    identities: (Object.keys(ACTIONS) as Identity[]).map((name) => ({
      name,
      credentials: [{ accessKey: keyId(name), secretKey: key(name) }],
      actions: ACTIONS[name],
    })),
  });

const FLAGS: Readonly<Record<string, string | number>> = {
  // There is one master: what it waits for before it elects itself is lost time at each restart (12 s by default).
  'master.electionTimeout': '500ms',
  'master.heartbeatInterval': '100ms',
  // Files of one bucket lie in volumes of their own: small ones, so that a laptop's disk isn't parcelled out.
  'master.volumeSizeLimitMB': 512,
  // Zero means what the disk holds, which leaves none for a second bucket on a full one.
  'volume.max': 200,
  // Reports usage to its makers unless told not to.
  'master.telemetry': 'false',
  // Fixed ports otherwise, which a second stack would find taken.
  's3.port.iceberg': 0,
  's3.port.lance': 0,
};

/** Volumes that a bucket takes at once; seven by default. The bound on memory is a soft one: after a large upload it would keep it for good. */
export const ENVIRONMENT = { WEED_MASTER_VOLUME_GROWTH_COPY_1: '1', GOMEMLIMIT: '512MiB', GOGC: '50' };

/** Arguments of `weed`. */
export const weed = (flags: Readonly<Record<string, string | number>>): string[] => [
  '-logtostderr',
  'server',
  '-filer',
  '-s3',
  ...Object.entries({ ...FLAGS, ...flags }).map(([name, value]) => `-${name}=${value}`),
];
