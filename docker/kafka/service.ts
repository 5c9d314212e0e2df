import { defineService, kafkaReady, own, text } from '@stack/model';

export const kafka = defineService({
  name: 'kafka',
  summary: 'Kafka: streams of events',
  profiles: ['datahub', 'streaming'],
  ports: {
    broker: { number: 9092, protocol: 'kafka' },
    /** For programs of this machine: a broker tells its clients where to go on, and that differs from outside. */
    outside: { number: 9094, protocol: 'kafka' },
  },
  volumes: { data: '/var/lib/kafka/data' },
  ready: kafkaReady('broker'),
  native: { none: 'its jars come with the streaming part, later' },
  docker: {
    image: 'apache/kafka:4.1.0',
    env: {
      CLUSTER_ID: 'ZnJlZWxhbmNlci1zdGFjaw',
      KAFKA_NODE_ID: 1,
      KAFKA_PROCESS_ROLES: 'broker,controller',
      KAFKA_LISTENERS: text`INSIDE://0.0.0.0:${own.port('broker')},OUTSIDE://0.0.0.0:${own.port('outside')},CONTROLLER://127.0.0.1:9093`,
      KAFKA_ADVERTISED_LISTENERS: text`INSIDE://${own.host('broker')}:${own.port('broker')},OUTSIDE://127.0.0.1:${own.published('outside')}`,
      KAFKA_LISTENER_SECURITY_PROTOCOL_MAP: 'INSIDE:PLAINTEXT,OUTSIDE:PLAINTEXT,CONTROLLER:PLAINTEXT',
      KAFKA_INTER_BROKER_LISTENER_NAME: 'INSIDE',
      KAFKA_CONTROLLER_LISTENER_NAMES: 'CONTROLLER',
      KAFKA_CONTROLLER_QUORUM_VOTERS: '1@127.0.0.1:9093',
      KAFKA_LOG_DIRS: own.volume('data'),
      KAFKA_OFFSETS_TOPIC_REPLICATION_FACTOR: 1,
      KAFKA_TRANSACTION_STATE_LOG_REPLICATION_FACTOR: 1,
      KAFKA_TRANSACTION_STATE_LOG_MIN_ISR: 1,
      KAFKA_SHARE_COORDINATOR_STATE_TOPIC_REPLICATION_FACTOR: 1,
      KAFKA_SHARE_COORDINATOR_STATE_TOPIC_MIN_ISR: 1,
      KAFKA_GROUP_INITIAL_REBALANCE_DELAY_MS: 0,
      // DataHub's events are large.
      KAFKA_MESSAGE_MAX_BYTES: 5_242_880,
      KAFKA_HEAP_OPTS: '-Xms256m -Xmx512m',
    },
    user: '1000:1000',
    // Its entrypoint writes the configuration beside the program.
    writable: true,
    health: (_, port, host) => ['bash', '-c', `exec 3<>/dev/tcp/${host}/${port}`],
    apart: { none: 'is only in the stack of one machine' },
  },
  aws: { none: 'nothing in production reads streams' },
  memory: '1Gi',
});
