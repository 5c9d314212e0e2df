/** Names that DataHub's GraphQL writes its own way. */
const TYPES: Record<string, string> = {
  corpuser: 'CorpUser',
  mlModel: 'MLModel',
  mlModelGroup: 'MLModelGroup',
  mlFeature: 'MLFeature',
  mlFeatureTable: 'MLFeatureTable',
  mlPrimaryKey: 'MLPrimaryKey',
  schemaField: 'SchemaFieldEntity',
  query: 'QueryEntity',
  entityType: 'EntityTypeEntity',
  dataType: 'DataTypeEntity',
  ownershipType: 'OwnershipTypeEntity',
  structuredProperty: 'StructuredPropertyEntity',
};
const ENUMS: Record<string, string> = {
  corpuser: 'CORP_USER',
  dataHubRole: 'DATAHUB_ROLE',
  mlModel: 'MLMODEL',
  mlModelGroup: 'MLMODEL_GROUP',
  mlFeature: 'MLFEATURE',
  mlFeatureTable: 'MLFEATURE_TABLE',
  mlPrimaryKey: 'MLPRIMARY_KEY',
};

/** `dataJob` → `DataJob`. */
export const pascal = (type: string): string => TYPES[type] ?? type[0]!.toUpperCase() + type.slice(1);

/** `dataJob` → `DATA_JOB`, as the client's entity_type_to_graphql does it. */
export const camelToSnake = (type: string): string =>
  ENUMS[type] ??
  type
    .replace(/[A-Z]/g, (letter) => `_${letter}`)
    .toUpperCase()
    .replace(/^_/, '')
    .replace(/^DATA_HUB_/, '');
