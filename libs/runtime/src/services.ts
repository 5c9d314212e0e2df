/** The table of services, from their definitions: docs/services.md. */
import { type Service, type Unit, isOwnImage, isProbe } from '@stack/model';

/**
 * @param standIns images that were only run as something else, as in tests/docker/images.json
 * @returns Markdown, without what differs between stacks: the numbers are those of the stack `local`
 */
export function servicesTable(units: readonly Unit[], standIns: Readonly<Record<string, string>>): string {
  const services = units
    .filter((unit): unit is Service => unit.kind === 'service')
    .sort((a, b) => a.name.localeCompare(b.name));
  const rows = services.map((service) => [
    `\`${service.name}\``,
    service.summary,
    service.route
      ? `<http://127.0.0.1:${service.ports[service.route.port].number}${service.route.path ?? ''}>`
      : '',
    service.route ? `\`${service.name}.localhost\`` : '',
    Object.entries(service.ports)
      .map(
        ([name, { number, protocol }]) => `${number} ${name === protocol ? name : `${name} (${protocol})`}`,
      )
      .join(', '),
    service.profiles.map((profile) => `\`${profile}\``).join(', '),
    containersIn(service),
    image(service, standIns),
  ]);
  const head = ['service', 'what it is', 'page', 'name', 'ports', 'profile', 'containers', 'image'];
  return [head, head.map(() => '---'), ...rows].map((row) => `| ${row.join(' | ')} |`).join('\n');
}

const containersIn = ({ name, ready, docker }: Service): string =>
  docker
    ? [
        ...Object.keys(docker.first ?? {}).map((process) => `\`${name}-${process}\` first`),
        ...(isProbe(ready) || !docker.processes
          ? [`\`${name}\``]
          : Object.keys(docker.processes).map((process) => `\`${name}-${process}\``)),
      ].join(', ')
    : '';

function image({ docker }: Service, standIns: Readonly<Record<string, string>>): string {
  if (!docker) return 'none: natively only';
  const { image: name } = docker;
  if (isOwnImage(name)) return `\`${name}\`, built and run in the tests`;
  return `\`${name}\`, ${name in standIns ? 'never run itself: the tests run the same product from packages' : 'created, never run with the real image'}`;
}
