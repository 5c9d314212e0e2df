import DataLoader from 'dataloader';
import { isObject, type Json, type JsonObject } from '../model/json';
import { parseUrn } from '../model/urn';
import type { Aspects } from '../store/aspects';
import { camelToSnake, pascal } from './graphql-names';
import type { Context } from './routes';

/** Aspects of an entity by name; asked for many at once. */
type Loader = DataLoader<string, Record<string, JsonObject>>;

export interface Loaders {
  /** Without the large ones, which most answers have no use for. */
  small: Loader;
  whole: Loader;
}

const LARGE = ['schemaMetadata', 'editableSchemaMetadata', 'upstreamLineage', 'viewProperties'];

/** For one answer: it reads no aspect twice. */
export function loadersOf(aspects: Aspects): Loaders {
  const loader = (without: readonly string[]): Loader =>
    new DataLoader(async (urns) => {
      const byUrn = new Map<string, Record<string, JsonObject>>();
      for (const { urn, aspect, value } of await aspects.readAll(urns, undefined, without))
        byUrn.set(urn, { ...byUrn.get(urn), [aspect]: value });
      return urns.map((urn) => byUrn.get(urn) ?? {});
    });
  return { small: loader(LARGE), whole: loader([]) };
}

const text = (value: Json | undefined): string | undefined => (typeof value === 'string' ? value : undefined);
const list = (value: Json | undefined): JsonObject[] => (Array.isArray(value) ? value.filter(isObject) : []);

/** One entity as GraphQL answers it; its aspects are read when they are asked for. */
export class Entity {
  private readonly parsed;

  constructor(
    readonly urn: string,
    private readonly context: Context,
    private readonly loaders: Loaders,
  ) {
    this.parsed = parseUrn(urn);
  }

  get __typename(): string {
    return pascal(this.parsed.type);
  }

  get type(): string {
    return camelToSnake(this.parsed.type);
  }

  exists = (): Promise<boolean> => this.context.aspects.exists(this.urn);

  private get key(): JsonObject {
    return this.context.model.keyOf(this.parsed).value;
  }

  private all(): Promise<Record<string, JsonObject>> {
    return this.loaders.small.load(this.urn);
  }

  private other = (urn: string): Entity => new Entity(urn, this.context, this.loaders);

  async name(): Promise<string | undefined> {
    const { name } = this.key;
    return (await this.merged()).name ?? text(name) ?? this.parsed.parts.at(-1);
  }

  username = (): string | undefined => text(this.key.username);
  origin = (): string | undefined => text(this.key.origin);
  jobId = (): string | undefined => text(this.key.jobId);
  flowId = (): string | undefined => text(this.key.flowId);
  cluster = (): string | undefined => text(this.key.cluster);
  dashboardId = (): string | undefined => text(this.key.dashboardId);
  chartId = (): string | undefined => text(this.key.chartId);
  tool = (): string | undefined => text(this.key.dashboardTool);
  fieldPath = (): string | undefined => text(this.key.fieldPath);
  subType = async (): Promise<string | undefined> => (await this.subTypes())?.typeNames[0];

  parent(): Entity | undefined {
    const parent = text(this.key.parent);
    return parent === undefined ? undefined : this.other(parent);
  }

  /** A platform's own, the URN in the key, or what runs it: `airflow` of a flow. */
  async platform(): Promise<Entity | undefined> {
    const { platform, orchestrator, dashboardTool, flow } = this.key;
    if (typeof flow === 'string') return this.other(flow).platform();
    const named = text(platform) ?? text(orchestrator) ?? text(dashboardTool);
    if (named) return this.other(named.startsWith('urn:') ? named : `urn:li:dataPlatform:${named}`);
    const found = text((await this.all()).dataPlatformInstance?.platform);
    return found === undefined ? undefined : this.other(found);
  }

  async dataPlatformInstance() {
    const platform = await this.platform();
    const urn = text((await this.all()).dataPlatformInstance?.instance);
    return platform && { urn, platform, instanceId: urn && parseUrn(urn).parts.at(-1) };
  }

  properties = () => this.merged();
  info = () => this.merged();
  editableProperties = () => this.merged('editable');

  /** What its `…Properties`, `…Info` and `editable…` say, what people wrote first. */
  private async merged(only = '') {
    const all = Object.entries(await this.all())
      .filter(([name]) => /(Properties|Info)$/.test(name) && name.startsWith(only))
      .sort(([a], [b]) => Number(b.startsWith('editable')) - Number(a.startsWith('editable')))
      .map(([, value]) => value);
    const first = (...fields: string[]): string | undefined =>
      fields.flatMap((field) => all.map((value) => text(value[field]))).find(Boolean);
    const custom = all.map(({ customProperties }) => customProperties).find(isObject) ?? {};
    return {
      name: first('name', 'title', 'displayName'),
      title: first('title', 'name'),
      displayName: first('displayName', 'name'),
      description: first('description', 'definition'),
      email: first('email'),
      qualifiedName: first('qualifiedName'),
      externalUrl: first('externalUrl', 'dashboardUrl', 'chartUrl'),
      colorHex: first('colorHex'),
      logoUrl: first('logoUrl'),
      customProperties: Object.entries(custom).map(([key, value]) => ({ key, value: String(value) })),
    };
  }

  tags = async () => this.tagsOf((await this.all()).globalTags);
  globalTags = () => this.tags();
  glossaryTerms = async () => this.termsOf((await this.all()).glossaryTerms);

  private tagsOf = (value: JsonObject | undefined) =>
    value && {
      tags: list(value.tags).map(({ tag }) => ({ tag: this.other(String(tag)), associatedUrn: this.urn })),
    };
  private termsOf = (value: JsonObject | undefined) =>
    value && {
      terms: list(value.terms).map(({ urn }) => ({ term: this.other(String(urn)), associatedUrn: this.urn })),
    };

  async ownership() {
    const { ownership } = await this.all();
    return (
      ownership && {
        owners: list(ownership.owners).map(({ owner, type, typeUrn }) => ({
          owner: this.other(String(owner)),
          type,
          associatedUrn: this.urn,
          ownershipType: typeof typeUrn === 'string' ? this.other(typeUrn) : undefined,
        })),
      }
    );
  }

  async domain() {
    const { domains } = await this.all();
    const [first] = Array.isArray(domains?.domains) ? domains.domains : [];
    return first === undefined ? undefined : { domain: this.other(String(first)), associatedUrn: this.urn };
  }

  async container(): Promise<Entity | undefined> {
    const found = text((await this.all()).container?.container);
    return found === undefined ? undefined : this.other(found);
  }

  status = async () => ({ removed: (await this.all()).status?.removed === true });
  deprecation = async () => (await this.all()).deprecation;
  subTypes = async () => (await this.all()).subTypes as { typeNames: string[] } | undefined;

  async schemaMetadata() {
    const { schemaMetadata, editableSchemaMetadata } = await this.loaders.whole.load(this.urn);
    const edited = new Map(
      list(editableSchemaMetadata?.editableSchemaFieldInfo).map((one) => [one.fieldPath, one]),
    );
    return (
      schemaMetadata && {
        name: schemaMetadata.schemaName,
        version: schemaMetadata.version,
        hash: schemaMetadata.hash,
        fields: list(schemaMetadata.fields).map((field) => {
          const more = edited.get(field.fieldPath ?? null);
          const tags = (value: Json | undefined) => this.tagsOf(isObject(value) ? value : undefined);
          const terms = (value: Json | undefined) => this.termsOf(isObject(value) ? value : undefined);
          return {
            ...field,
            type: typeName(field.type),
            description: text(more?.description) ?? field.description,
            tags: tags(field.globalTags),
            globalTags: tags(more?.globalTags ?? field.globalTags),
            glossaryTerms: terms(more?.glossaryTerms ?? field.glossaryTerms),
          };
        }),
      }
    );
  }

  async aspects({ input }: { input?: { aspectNames?: string[] } }) {
    const names = input?.aspectNames;
    return Object.entries(await this.loaders.whole.load(this.urn))
      .filter(([name]) => !names || names.includes(name))
      .map(([aspectName, value]) => ({ aspectName, payload: JSON.stringify(value) }));
  }

  async lineage({
    input,
  }: {
    input: { direction: 'UPSTREAM' | 'DOWNSTREAM'; start?: number; count?: number };
  }) {
    const { start = 0, count = 100, direction } = input;
    const { edges } = await this.context.relationships.lineage(this.urn, direction, 1);
    const all = edges.map(({ from, to, type }) => ({
      type,
      entity: this.other(direction === 'UPSTREAM' ? from : to),
      degree: 1,
    }));
    return {
      start,
      count: Math.min(count, all.length),
      total: all.length,
      relationships: all.slice(start, start + count),
    };
  }

  async relationships({
    input,
  }: {
    input: { types: string[]; direction: 'INCOMING' | 'OUTGOING'; start?: number; count?: number };
  }) {
    const { types, direction, start = 0, count = 100 } = input;
    const { total, page } = await this.context.relationships.of(this.urn, direction, types, start, count);
    const relationships = page.map(({ urn, type }) => ({ type, direction, entity: this.other(urn) }));
    return { start, count: page.length, total, relationships };
  }
}

/** `{"type": {"com.linkedin.schema.StringType": {}}}` → `STRING`. */
function typeName(type: Json | undefined): string | undefined {
  const inner = isObject(type) && isObject(type.type) ? Object.keys(type.type)[0] : undefined;
  return inner?.split('.').at(-1)?.replace(/Type$/, '').toUpperCase();
}
