import { RequestError } from '@stack/http-server';
import { type JsonObject, isObject } from '../model/json';
import type { Model } from '../model/model';
import { parseUrn } from '../model/urn';
import { type Change, type ChangeType, CHANGES } from './change';
import type { PatchOperation } from './patch';

const wrong = (message: string): RequestError =>
  new RequestError(400, 'invalid_proposal', message, {
    remedy: 'send a MetadataChangeProposal as acryl-datahub writes it',
  });

/**
 * A MetadataChangeProposal as a change, checked.
 *
 * @throws RequestError saying what is wrong with it
 */
export function changeOf(model: Model, proposal: unknown): Change {
  if (!isObject(proposal)) throw wrong('a proposal is an object');
  const { entityType, entityUrn, aspectName, changeType = 'UPSERT', aspect, systemMetadata } = proposal;
  const urn = parseUrn(entityUrn);
  if (entityType !== undefined && entityType !== urn.type)
    throw wrong(`${urn.text} is no ${String(entityType)}: its type is ${urn.type}`);
  if (typeof aspectName !== 'string' || !/^[A-Za-z][A-Za-z0-9_]{0,99}$/.test(aspectName))
    throw wrong(`${urn.text}: aspectName is missing, or no name`);
  if (!CHANGES.includes(changeType as ChangeType))
    throw wrong(`${urn.text}: there is no changeType ${String(changeType)}; there are ${CHANGES.join(', ')}`);
  const type = changeType as ChangeType;
  if (type === 'DELETE') return checked(model, { type, urn, aspect: aspectName, system: {} });
  const content = contentOf(aspect, `${aspectName} of ${urn.text}`);
  const system = isObject(systemMetadata) ? systemMetadata : {};
  return type === 'PATCH'
    ? patchOf(model, urn.text, aspectName, content, system)
    : valueOf(model, urn.text, aspectName, content, system, type);
}

/** An aspect with its new value, checked. @throws RequestError */
export function valueOf(
  model: Model,
  urn: string,
  aspect: string,
  value: unknown,
  system: JsonObject = {},
  type: ChangeType = 'UPSERT',
): Change {
  if (!isObject(value)) throw wrong(`${aspect} of ${urn}: its value is no object`);
  return checked(model, { type, urn: parseUrn(urn), aspect, value, system });
}

/** An aspect with a patch: `[…]`, or `{"patch": […], "arrayPrimaryKeys": {…}}`. @throws RequestError */
export function patchOf(
  model: Model,
  urn: string,
  aspect: string,
  content: unknown,
  system: JsonObject = {},
): Change {
  const operations = isObject(content) ? content.patch : content;
  const given = isObject(content) ? content.arrayPrimaryKeys : undefined;
  if (!Array.isArray(operations) || !operations.every(isOperation))
    throw wrong(`${aspect} of ${urn}: a patch is a list of {"op", "path", "value"}`);
  if (given !== undefined && given !== null && !isKeys(given))
    throw wrong(`${aspect} of ${urn}: arrayPrimaryKeys is {"<path>": ["<field>", …]}`);
  const keys = (given ?? undefined) as Record<string, string[]> | undefined;
  const patch = { operations: operations as unknown as PatchOperation[], keys };
  return checked(model, { type: 'PATCH', urn: parseUrn(urn), aspect, patch, system });
}

const isOperation = (one: unknown): boolean =>
  isObject(one) && typeof one.path === 'string' && ['add', 'remove', 'replace'].includes(String(one.op));

const isKeys = (given: unknown): boolean =>
  isObject(given) &&
  Object.entries(given).every(
    ([path, fields]) =>
      path.split('/').some(Boolean) &&
      Array.isArray(fields) &&
      fields.length > 0 &&
      fields.every((field) => typeof field === 'string'),
  );

function contentOf(aspect: unknown, of: string): unknown {
  if (!isObject(aspect)) throw wrong(`${of}: it has no aspect`);
  const { value, contentType = 'application/json' } = aspect;
  if (!String(contentType).startsWith('application/json'))
    throw wrong(`${of}: contentType is ${String(contentType)}`);
  if (typeof value !== 'string') throw wrong(`${of}: aspect.value is JSON in a text`);
  try {
    return JSON.parse(value);
  } catch (error) {
    throw wrong(`${of}: aspect.value is no JSON: ${(error as Error).message}`);
  }
}

function checked(model: Model, change: Change): Change {
  // Says so when there is no such entity.
  const key = model.keyOf(change.urn);
  if (change.value && change.aspect !== key.name)
    model.validate(change.aspect, change.value, change.urn.text);
  return change;
}

/**
 * The aspects of a snapshot, as clients sent them before there were proposals:
 * `{"com.linkedin.metadata.snapshot.DatasetSnapshot": {"urn": …, "aspects": [{"<class>": {…}}]}}`.
 *
 * @throws RequestError
 */
export function changesOfSnapshot(model: Model, entity: unknown, systemMetadata: unknown): Change[] {
  const value = isObject(entity) ? entity.value : undefined;
  const snapshot = isObject(value) ? Object.values(value)[0] : undefined;
  if (!isObject(snapshot) || !Array.isArray(snapshot.aspects))
    throw wrong('an entity is {"value": {"<snapshot>": {"urn", "aspects"}}}');
  const urn = parseUrn(snapshot.urn).text;
  const system = isObject(systemMetadata) ? systemMetadata : {};
  return snapshot.aspects.map((one) => {
    const [found] = isObject(one) ? Object.entries(one) : [];
    const name = found && model.aspectOfClass(found[0]);
    if (!found || !name) throw wrong(`${urn}: there is no aspect ${found?.[0] ?? '(none)'}`);
    return valueOf(model, urn, name, found[1], system);
  });
}
