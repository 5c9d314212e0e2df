/** What a deploy asks AWS, asked of moto through AWS's own SDK. */
import { CreateRepositoryCommand, ECRClient, PutImageCommand } from '@aws-sdk/client-ecr';
import {
  CreateClusterCommand,
  CreateServiceCommand,
  ECSClient,
  RegisterTaskDefinitionCommand,
} from '@aws-sdk/client-ecs';
import {
  CreateSecretCommand,
  GetSecretValueCommand,
  SecretsManagerClient,
} from '@aws-sdk/client-secrets-manager';
import { Moto } from '@stack/testing';
import { environment } from '../cdktf/testing';
import { troubleOf, writeSecret } from './aws';
import { pushImage } from './images';
import type { Work } from './operations';

describe('what a deploy asks AWS', () => {
  const before = { ...process.env };
  const prod = environment();
  let moto: Moto;
  beforeAll(async () => {
    moto = await Moto.start();
    Object.assign(process.env, moto.env);
  });
  afterAll(async () => {
    process.env = before;
    await moto.stop();
  });

  it('writes a secret’s value, and says when there is no such secret', async () => {
    const client = new SecretsManagerClient({});
    await client.send(new CreateSecretCommand({ Name: 'fds-prod/snowflake/pipelineKey' }));
    await writeSecret(prod, 'snowflake', 'pipelineKey', 'the key');
    const { SecretString } = await client.send(
      new GetSecretValueCommand({ SecretId: 'fds-prod/snowflake/pipelineKey' }),
    );
    expect(SecretString).toBe('the key');
    await expect(writeSecret(prod, 'snowflake', 'nope', 'x')).rejects.toMatchObject({
      code: 'NO_SECRET',
      message: 'prod has no secret snowflake/nope',
    });
  });

  it('asks ECS why a service isn’t up; where there is none it has nothing to say', async () => {
    expect(await troubleOf(prod, 'web')).toEqual([]);
    const ecs = new ECSClient({});
    await ecs.send(new CreateClusterCommand({ clusterName: 'fds-prod' }));
    await ecs.send(
      new RegisterTaskDefinitionCommand({
        family: 'fds-prod-web',
        containerDefinitions: [{ name: 'main', image: 'web:1', memory: 64 }],
      }),
    );
    await ecs.send(
      new CreateServiceCommand({
        cluster: 'fds-prod',
        serviceName: 'web',
        taskDefinition: 'fds-prod-web',
        desiredCount: 1,
      }),
    );
    expect(await troubleOf(prod, 'web')).toEqual([]);
  });

  describe('an image', () => {
    const work = (imageTag: string, image?: string): Work => ({
      workspace: '/nowhere',
      environment: prod,
      unit: 'web',
      image,
      imageTag,
      synth: undefined,
      say: () => undefined,
    });
    beforeAll(async () => {
      const ecr = new ECRClient({});
      await ecr.send(new CreateRepositoryCommand({ repositoryName: 'fds-prod/web' }));
      await ecr.send(
        new PutImageCommand({
          repositoryName: 'fds-prod/web',
          imageTag: 'there',
          imageManifest: JSON.stringify({
            schemaVersion: 2,
            mediaType: 'application/vnd.docker.distribution.manifest.v2+json',
            layers: [],
            config: { digest: 'sha256:a' },
          }),
        }),
      );
    });

    const unasked = async () => {
      throw new Error('built for nothing');
    };
    it('isn’t pushed when the registry has it, or when it isn’t ours', async () => {
      await expect(pushImage(work('there', 'stack/web:dev'), unasked)).resolves.toBeUndefined();
      await expect(pushImage(work('missing'), unasked)).resolves.toBeUndefined();
    });

    it('is asked of Docker otherwise: it says when that isn’t there', async () => {
      process.env.DOCKER_HOST = 'tcp://127.0.0.1:9';
      await expect(pushImage(work('missing', 'stack/web:dev'), async () => undefined)).rejects.toMatchObject({
        code: 'NO_DOCKER',
      });
      delete process.env.DOCKER_HOST;
    });
  });
});
