import * as path from 'node:path';
import { fargate } from '@stack/ecs';
import { type PlanContext, type ProcessPlan, defineService, generated, own, redisReady } from '@stack/model';

export const redis = defineService({
  name: 'redis',
  summary: 'Valkey (Redis protocol): what several processes share and may lose',
  ports: { redis: { number: 6379, protocol: 'redis', user: 'default', password: 'password' } },
  secrets: { password: generated() },
  volumes: { data: '/data' },
  ready: redisReady('redis'),
  native: { plan: planRedis },
  docker: {
    image: 'valkey/valkey:9.1.2',
    // The password comes by the standard input: a command line is for everybody to read.
    command: [
      'sh',
      '-c',
      `printf 'requirepass %s\\ndir /data\\nappendonly yes\\nmaxmemory 256mb\\nmaxmemory-policy volatile-lru\\n' "$PASSWORD" | valkey-server -`,
    ],
    env: { PASSWORD: own.secret('password') },
    user: '10001:10001',
    health: () => ['sh', '-c', 'REDISCLI_AUTH="$PASSWORD" valkey-cli ping | grep -q PONG'],
  },
  aws: fargate({ ephemeral: ['data'], singleton: true }),
  memory: '64Mi',
});

async function planRedis(context: PlanContext): Promise<ProcessPlan> {
  const data = context.volume('data');
  // The password stands in a file (0600), since a command line is for everybody to read.
  const config = context.write(
    path.join(data, 'valkey.conf'),
    [
      'bind 127.0.0.1',
      `port ${context.port('redis')}`,
      `requirepass ${context.secret('password')}`,
      `dir "${data}"`,
      'appendonly yes',
      'maxmemory 256mb',
      'maxmemory-policy volatile-lru',
      '',
    ].join('\n'),
    0o600,
  );
  return { command: context.executable('valkey-server'), args: [config], sources: [config] };
}
