import { type Value, defineModule } from '@stack/model';
import { objectStore } from '@stack/object-store';
import { applyBuckets } from './native';

const outputs = {
  endpoint: objectStore.url('s3'),
  lakeBucket: 'lake',
  region: 'us-east-1',
  writerKeyId: objectStore.secret('writerKeyId'),
  writerKey: objectStore.secret('writerKey'),
  readerKeyId: objectStore.secret('readerKeyId'),
  readerKey: objectStore.secret('readerKey'),
};

/** The lake: what pipelines publish and readers fetch. */
export const s3 = defineModule({
  name: 's3',
  summary: 'Buckets of the lake, versioned',
  uses: [objectStore],
  native: { outputs, apply: (context) => applyBuckets(context, outputs) },
  aws: {
    outputs: {
      endpoint: "Address of S3's API in the region",
      lakeBucket: "The lake's bucket",
      lakeArn: 'Its ARN',
      region: 'Where it is',
      readerPolicy: 'ARN of the policy that allows to read the lake',
      writerPolicy: 'ARN of the policy that allows to read and to write it',
    },
    policies: {
      readerKeyId: 'readerPolicy',
      readerKey: 'readerPolicy',
      writerKeyId: 'writerPolicy',
      writerKey: 'writerPolicy',
    },
  },
});

const lakeAddress: Record<string, Value> = {
  LAKE_S3_ENDPOINT: s3.output('endpoint'),
  LAKE_BUCKET: s3.output('lakeBucket'),
  AWS_REGION: s3.output('region'),
};

/** Environment of a unit that reads the lake. */
export const lakeReader: Record<string, Value> = {
  ...lakeAddress,
  AWS_ACCESS_KEY_ID: s3.output('readerKeyId'),
  AWS_SECRET_ACCESS_KEY: s3.output('readerKey'),
};

/** Environment of a unit that writes the lake. */
export const lakeWriter: Record<string, Value> = {
  ...lakeAddress,
  AWS_ACCESS_KEY_ID: s3.output('writerKeyId'),
  AWS_SECRET_ACCESS_KEY: s3.output('writerKey'),
};
