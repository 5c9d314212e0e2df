/** Kubernetes manifests of the services, from the definitions that a laptop and AWS have as well. */
import {
  IMAGE_USER,
  type Probe,
  type Service,
  type Unit,
  containerEnvironment,
  insideOf,
  isOwnImage,
  isProbe,
} from '@stack/model';
import type { Deployment, StatefulSet } from 'kubernetes-types/apps/v1';
import type {
  Container,
  PodTemplateSpec,
  Probe as PodProbe,
  Service as ClusterService,
} from 'kubernetes-types/core/v1';
import type { Ingress } from 'kubernetes-types/networking/v1';
import { Values } from './values';

/** Size of a volume; a claim can grow later. */
const VOLUME = '10Gi';

export interface ClusterOptions {
  readonly namespace: string;
  /** Services are shown as `<service>.<domain>`. */
  readonly domain: string;
  /** Registry of our images, and their tag. */
  readonly registry: string;
  readonly tag: string;
}

export type Manifest = Deployment | StatefulSet | ClusterService | Ingress;

/** Why a service isn't in the cluster; undefined when it is. */
export function reasonForAbsence(unit: Unit): string | undefined {
  if (unit.kind !== 'service') return 'is no service';
  if (!unit.docker) return 'has no image';
  if (unit.docker.apart && 'none' in unit.docker.apart) return unit.docker.apart.none;
  // One that says what differs there can do without what it collects here.
  return unit.collect && !unit.docker.apart ? 'collects what only this machine has' : undefined;
}

/** The manifests of every service that can be in a cluster, by its name. */
export function manifestsOf(units: readonly Unit[], options: ClusterOptions): Record<string, Manifest[]> {
  const services = units.filter((unit): unit is Service => reasonForAbsence(unit) === undefined);
  const values = new Values(options.namespace, units, new Set(services.map(({ name }) => name)));
  return Object.fromEntries(services.map((service) => [service.name, manifests(service, values, options)]));
}

function manifests(service: Service, values: Values, options: ClusterOptions): Manifest[] {
  const { name } = service;
  const labels = { 'app.kubernetes.io/name': name, 'app.kubernetes.io/part-of': options.namespace };
  const metadata = { name, namespace: options.namespace, labels };
  const selector = { matchLabels: { 'app.kubernetes.io/name': name } };
  const template = pod(service, values, labels, options);
  const volumes = volumesOf(service);
  const workload: Manifest =
    volumes.length > 0
      ? {
          apiVersion: 'apps/v1',
          kind: 'StatefulSet',
          metadata,
          spec: {
            replicas: 1,
            serviceName: name,
            selector,
            template,
            volumeClaimTemplates: volumes.map((volume) => ({
              apiVersion: 'v1',
              kind: 'PersistentVolumeClaim',
              metadata: { name: volume },
              spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: VOLUME } } },
            })),
          },
        }
      : { apiVersion: 'apps/v1', kind: 'Deployment', metadata, spec: { replicas: 1, selector, template } };
  const ports = Object.entries(service.ports).map(([port, defined]) => ({
    name: dashed(port),
    port: insideOf(defined),
    targetPort: insideOf(defined),
  }));
  const reached: ClusterService = {
    apiVersion: 'v1',
    kind: 'Service',
    metadata,
    spec: { selector: selector.matchLabels, ports },
  };
  return [
    workload,
    ...(ports.length > 0 ? [reached] : []),
    ...(service.route ? [ingress(service, options)] : []),
  ];
}

/** Its volumes, without the one that it finds collected files in where it has a registry. */
const volumesOf = ({ volumes, collect }: Service): string[] =>
  Object.keys(volumes).filter((name) => name !== collect?.into);

function pod(
  service: Service,
  values: Values,
  labels: Record<string, string>,
  options: ClusterOptions,
): PodTemplateSpec {
  const { image = '', command, processes } = service.docker ?? {};
  const ours = isOwnImage(image);
  const common: Omit<Container, 'name'> = {
    image: ours ? `${options.registry}/${service.name}:${options.tag}` : image,
    env: values.environment(containerEnvironment(service, 'apart')),
    volumeMounts: volumesOf(service).map((name) => ({ name, mountPath: service.volumes[name] })),
    securityContext: { allowPrivilegeEscalation: false, ...(ours && { capabilities: { drop: ['ALL'] } }) },
  };
  const memory = { requests: { memory: service.memory }, limits: { memory: service.memory } };
  const containers = processes
    ? Object.entries(processes).map(([name, process], i) => ({
        ...common,
        name,
        command: [...process.command],
        // The pod's memory is the definition's: the first has it, the others aren't bounded below the pod.
        ...(i === 0 && { resources: { requests: memory.requests } }),
        readinessProbe: isProbe(service.ready) ? undefined : probeOf(service, service.ready[name]),
      }))
    : [
        {
          ...common,
          name: service.name,
          command: command && [...command],
          resources: memory,
          readinessProbe: isProbe(service.ready) ? probeOf(service, service.ready) : undefined,
        },
      ];
  return {
    metadata: { labels },
    spec: {
      // Nothing of ours talks to the cluster.
      automountServiceAccountToken: false,
      ...(ours && { securityContext: { runAsNonRoot: true, runAsUser: IMAGE_USER, fsGroup: IMAGE_USER } }),
      containers,
    },
  };
}

function probeOf(service: Service, probe: Probe | undefined): PodProbe | undefined {
  if (!probe) return undefined;
  const port = insideOf(service.ports[probe.port]);
  const timing = { periodSeconds: 10, timeoutSeconds: 5, failureThreshold: 6 };
  if (probe.type === 'http' && probe.body === undefined)
    return { httpGet: { path: probe.path, port }, ...timing };
  if (probe.type === 'grpc') return { grpc: { port, service: probe.service }, ...timing };
  const command = service.docker?.health?.(probe, port, '127.0.0.1');
  return command ? { exec: { command: [...command] }, ...timing } : { tcpSocket: { port }, ...timing };
}

const ingress = (service: Service, { namespace, domain }: ClusterOptions): Ingress => ({
  apiVersion: 'networking.k8s.io/v1',
  kind: 'Ingress',
  metadata: { name: service.name, namespace },
  spec: {
    rules: [
      {
        host: `${service.name}.${domain}`,
        http: {
          paths: [
            {
              path: '/',
              pathType: 'Prefix',
              backend: {
                service: {
                  name: service.name,
                  port: { number: insideOf(service.ports[service.route?.port ?? '']) },
                },
              },
            },
          ],
        },
      },
    ],
  },
});

/** A port's name in a cluster has no capitals. */
const dashed = (name: string): string => name.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
