import { defineService, generated, httpReady, own } from '@stack/model';
import { inContainer } from './container';
import { planObjectStore } from './native';
import { ENVIRONMENT } from './weed';

export const objectStore = defineService({
  name: 'object-store',
  summary: 'SeaweedFS: plays S3 on this machine',
  ports: {
    s3: { number: 8333, protocol: 's3' },
    s3Grpc: { number: 18333, protocol: 'grpc' },
    master: { number: 9333, protocol: 'http' },
    masterGrpc: { number: 19333, protocol: 'grpc' },
    volume: { number: 9340, protocol: 'http' },
    volumeGrpc: { number: 19340, protocol: 'grpc' },
    filer: { number: 8888, protocol: 'http' },
    filerGrpc: { number: 18888, protocol: 'grpc' },
  },
  secrets: {
    writerKeyId: generated({ bytes: 16 }),
    writerKey: generated({ bytes: 30 }),
    readerKeyId: generated({ bytes: 16 }),
    readerKey: generated({ bytes: 30 }),
  },
  volumes: { data: '/data' },
  ready: httpReady('s3', '/healthz'),
  native: { plan: planObjectStore },
  docker: {
    image: 'chrislusf/seaweedfs:4.48',
    command: inContainer(),
    env: {
      WRITER_KEY_ID: own.secret('writerKeyId'),
      WRITER_KEY: own.secret('writerKey'),
      READER_KEY_ID: own.secret('readerKeyId'),
      READER_KEY: own.secret('readerKey'),
      ...ENVIRONMENT,
    },
    user: '10001:10001',
  },
  aws: { none: 'S3 itself is there' },
  memory: '256Mi',
});
