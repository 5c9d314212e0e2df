import { readFileSync } from 'node:fs';
import { RequestError } from '@stack/http-server';
import Ajv, { type ValidateFunction } from 'ajv8';
import { type Json, type JsonObject, Paths, inexactIn } from './json';
import type { Urn } from './urn';

export interface Relationship {
  /** Where the URNs are: names of fields, `*` for each item or entry. */
  path: string[];
  /** DataHub's name of it: `DownstreamOf`. */
  name: string;
  /** Data flows along it: the URNs are up, or down, of the entity. */
  lineage?: 'up' | 'down';
}

export interface Searched {
  path: string[];
  /** By this name it is filtered. */
  field: string;
  type: string;
  /** @default 1 */
  boost?: number;
  /** A search without a field looks into it too. @default by its type */
  isText?: boolean;
}

interface AspectModel {
  /** Full name of its class, as answers have it. */
  class: string;
  /** Where its JSON Schema is. */
  schema: string;
  isTimeseries?: boolean;
  relationships: Relationship[];
  search: Searched[];
}

interface ModelFile {
  entities: Record<string, { key: string; fields: string[] }>;
  aspects: Record<string, AspectModel>;
  $defs: Record<string, JsonObject>;
}

/** What DataHub's client knows of entities and aspects; built by build-model.mjs. */
export class Model {
  private readonly validators = new Map<string, ValidateFunction>();
  private readonly paths = new Map<readonly { path: string[] }[], Paths>();
  private readonly ajv: Ajv;

  private constructor(private readonly file: ModelFile) {
    this.ajv = new Ajv({ strict: false, addUsedSchema: false });
    this.ajv.addSchema({ $id: 'model', $defs: file.$defs });
  }

  /** @throws Error when it isn't built */
  static load(path: string): Model {
    let text: string;
    try {
      text = readFileSync(path, 'utf8');
    } catch {
      throw new Error(`the model is not built (no ${path}): run \`npx nx build catalog\``);
    }
    return new Model(JSON.parse(text) as ModelFile);
  }

  /** Undefined for one that DataHub doesn't know: it is kept as it is. */
  aspect(name: string): AspectModel | undefined {
    return Object.hasOwn(this.file.aspects, name) ? this.file.aspects[name] : undefined;
  }

  /** Each relationship of an aspect with what a value has there. */
  related(name: string, value: JsonObject): [Relationship, Json[]][] {
    return this.found(this.aspect(name)?.relationships ?? [], value);
  }

  /** Each searched field of an aspect with what a value has there. */
  searched(name: string, value: JsonObject): [Searched, Json[]][] {
    return this.found(this.aspect(name)?.search ?? [], value);
  }

  private found<F extends { path: string[] }>(fields: readonly F[], value: JsonObject): [F, Json[]][] {
    if (fields.length === 0) return [];
    let paths = this.paths.get(fields);
    if (!paths) {
      paths = new Paths(fields.map(({ path }) => path));
      this.paths.set(fields, paths);
    }
    const found = paths.find(value);
    return fields.map((field, i) => [field, found[i]!]);
  }

  /** Full name of an aspect's class; an unknown one's is its own name. */
  classOf(name: string): string {
    return this.aspect(name)?.class ?? name;
  }

  /** The aspect of that class, as DataHub's older snapshots name it. */
  aspectOfClass(name: string): string | undefined {
    return Object.entries(this.file.aspects).find(([, aspect]) => aspect.class === name)?.[0];
  }

  get entityTypes(): string[] {
    return Object.keys(this.file.entities);
  }

  /** @throws RequestError 400 when DataHub has no such entity, or its key has other parts */
  keyOf(urn: Urn): { name: string; value: JsonObject } {
    const entity = Object.hasOwn(this.file.entities, urn.type) ? this.file.entities[urn.type] : undefined;
    if (!entity)
      throw new RequestError(400, 'unknown_entity', `${urn.text}: there is no entity ${urn.type}`, {
        remedy: `DataHub has ${this.entityTypes.join(', ')}`,
      });
    const { key, fields } = entity;
    const isWrong = (why: string): RequestError =>
      new RequestError(400, 'invalid_urn', `${urn.text}: ${why}`, { remedy: `write ${fields.join(', ')}` });
    // A key of one field may be a text with brackets.
    const parts =
      fields.length === 1 && urn.parts.length > 1 ? [urn.text.split(':').slice(3).join(':')] : urn.parts;
    if (parts.length !== fields.length || parts.some((part) => part.trim() === ''))
      throw isWrong(`the key of ${urn.type} has ${fields.length} part${fields.length === 1 ? '' : 's'}`);
    const value = Object.fromEntries(parts.map((part, i) => [fields[i]!, decoded(part)]));
    const unfit = this.unfit(key, value);
    if (unfit) throw isWrong(unfit);
    return { name: key, value };
  }

  /**
   * Compares a known aspect with the client's schema; of an unknown one it sees that its numbers stay as they are.
   *
   * @throws RequestError 422 naming the first field that doesn't fit, 400 naming a number
   */
  validate(name: string, value: JsonObject, urn: string): void {
    const inexact = this.aspect(name) ? undefined : inexactIn(value);
    if (inexact !== undefined)
      throw new RequestError(
        400,
        'inexact_number',
        `${name} of ${urn}: a number near ${inexact} can't be kept as it is`,
        { remedy: 'send it as a text' },
      );
    const unfit = this.unfit(name, value);
    if (!unfit) return;
    throw new RequestError(422, 'invalid_aspect', `${name} of ${urn}: ${unfit}`, {
      remedy: `send it as DataHub’s ${this.classOf(name)} has it`,
    });
  }

  /** The first field of a known aspect that the schema doesn't have so, and how it would. */
  private unfit(name: string, value: JsonObject): string | undefined {
    const aspect = this.aspect(name);
    if (!aspect) return undefined;
    let validator = this.validators.get(name);
    if (!validator) {
      validator = this.ajv.compile({ $ref: `model${aspect.schema}` });
      this.validators.set(name, validator);
    }
    if (validator(value)) return undefined;
    const [first] = validator.errors ?? [];
    return `${first?.instancePath ? `${first.instancePath} ` : ''}${first?.message ?? 'is wrong'}`;
  }

  /** Fields that the aspect must have and a patch of nothing leaves out, where what is empty can be said. */
  withDefaults(name: string, value: JsonObject): JsonObject {
    const aspect = this.aspect(name);
    return aspect ? this.filled(this.definition(aspect.schema), value) : value;
  }

  private filled(schema: JsonObject, value: JsonObject): JsonObject {
    const properties = (schema.properties ?? {}) as Record<string, JsonObject>;
    const missing = ((schema.required ?? []) as string[]).filter((field) => value[field] === undefined);
    const found = missing.flatMap((field) => {
      const empty = this.empty(properties[field]!);
      return empty === undefined ? [] : [[field, empty] as const];
    });
    return { ...value, ...Object.fromEntries(found) };
  }

  private empty(schema: JsonObject): Json | undefined {
    if (schema.type === 'array') return [];
    if (schema.type === 'object') return {};
    if (schema.$ref === '#/$defs/com.linkedin.common.AuditStamp') return { time: 0, actor: UNKNOWN };
    return undefined;
  }

  private definition(ref: string): JsonObject {
    return this.file.$defs[ref.replace('#/$defs/', '')] ?? {};
  }
}

export const UNKNOWN = 'urn:li:corpuser:unknown';

/** Parts of a key are percent-encoded where they have brackets or commas. */
function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}
