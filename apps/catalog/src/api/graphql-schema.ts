import { camelToSnake, pascal } from './graphql-names';

/** What every entity may be asked for: one set for all, since most of it is asked of all. */
const FIELDS = `
  urn: String!
  type: EntityType!
  exists: Boolean
  name: String
  username: String
  origin: String
  jobId: String
  flowId: String
  cluster: String
  dashboardId: String
  chartId: String
  tool: String
  subType: String
  instanceId: String
  fieldPath: String
  parent: Entity
  platform: DataPlatform
  dataPlatformInstance: DataPlatformInstance
  properties: Properties
  editableProperties: Properties
  info: Properties
  tags: GlobalTags
  globalTags: GlobalTags
  glossaryTerms: GlossaryTerms
  ownership: Ownership
  domain: DomainAssociation
  container: Container
  status: Status
  deprecation: Deprecation
  subTypes: SubTypes
  schemaMetadata(version: Long): SchemaMetadata
  aspects(input: AspectParams): [RawAspect!]
  lineage(input: LineageInput!): EntityLineageResult
  relationships(input: RelationshipsInput!): EntityRelationshipsResult`;

/** Types that answers are made of, and what queries take. */
const REST = `
  scalar Long
  interface Entity { urn: String! type: EntityType! }

  type Properties {
    name: String title: String description: String displayName: String email: String qualifiedName: String
    externalUrl: String colorHex: String logoUrl: String customProperties: [CustomProperty!]
  }
  type CustomProperty { key: String! value: String }
  type GlobalTags { tags: [TagAssociation!] }
  type TagAssociation { tag: Tag! associatedUrn: String }
  type GlossaryTerms { terms: [GlossaryTermAssociation!] }
  type GlossaryTermAssociation { term: GlossaryTerm! associatedUrn: String }
  type Ownership { owners: [Owner!] }
  type Owner { owner: Entity! type: String associatedUrn: String ownershipType: Entity }
  type DomainAssociation { domain: Domain! associatedUrn: String }
  type Status { removed: Boolean! }
  type Deprecation { deprecated: Boolean note: String decommissionTime: Long }
  type SubTypes { typeNames: [String!] }
  type SchemaMetadata { name: String version: Long hash: String fields: [SchemaField!] }
  type SchemaField {
    fieldPath: String! nativeDataType: String type: String nullable: Boolean description: String label: String
    isPartOfKey: Boolean tags: GlobalTags globalTags: GlobalTags glossaryTerms: GlossaryTerms
  }
  type RawAspect { aspectName: String! payload: String }
  input AspectParams { autoRenderOnly: Boolean aspectNames: [String!] }

  enum LineageDirection { UPSTREAM DOWNSTREAM }
  input LineageInput {
    direction: LineageDirection! start: Int count: Int separateSiblings: Boolean
    startTimeMillis: Long endTimeMillis: Long includeGhostEntities: Boolean
  }
  type EntityLineageResult { start: Int count: Int total: Int relationships: [LineageRelationship!]! }
  type LineageRelationship { type: String! entity: Entity degree: Int }
  enum RelationshipDirection { INCOMING OUTGOING }
  input RelationshipsInput { types: [String!]! direction: RelationshipDirection! start: Int count: Int includeSoftDelete: Boolean }
  type EntityRelationshipsResult { start: Int count: Int total: Int relationships: [EntityRelationship!]! }
  type EntityRelationship { type: String! direction: RelationshipDirection! entity: Entity }

  enum FilterOperator {
    CONTAIN EQUAL IEQUAL IN EXISTS START_WITH END_WITH GREATER_THAN GREATER_THAN_OR_EQUAL_TO LESS_THAN
    LESS_THAN_OR_EQUAL_TO DESCENDANTS_INCL ANCESTORS_INCL RELATED_INCL
  }
  input FacetFilterInput { field: String! value: String values: [String!] condition: FilterOperator negated: Boolean }
  input AndFilterInput { and: [FacetFilterInput!] }
  input GroupingCriterionInput { baseEntityType: EntityType groupingEntityType: EntityType! }
  input GroupingSpecInput { groupingCriteria: [GroupingCriterionInput!] }
  input SearchFlags {
    skipCache: Boolean skipHighlighting: Boolean skipAggregates: Boolean maxAggValues: Int fulltext: Boolean
    getSuggestions: Boolean includeSoftDeleted: Boolean includeRestricted: Boolean groupingSpec: GroupingSpecInput
    fetchExtraFields: [String!] includeDefaultFacets: Boolean filterNonLatestVersions: Boolean
  }
  enum SortOrder { ASCENDING DESCENDING }
  input SortCriterion { field: String! sortOrder: SortOrder! }
  input SearchSortInput { sortCriterion: SortCriterion sortCriteria: [SortCriterion!] }
  input SearchInput { type: EntityType! query: String! start: Int count: Int filters: [FacetFilterInput!] orFilters: [AndFilterInput!] searchFlags: SearchFlags }
  input SearchAcrossEntitiesInput {
    types: [EntityType!] query: String! start: Int count: Int filters: [FacetFilterInput!] orFilters: [AndFilterInput!]
    viewUrn: String searchFlags: SearchFlags sortInput: SearchSortInput
  }
  input ScrollAcrossEntitiesInput {
    types: [EntityType!] query: String! count: Int scrollId: String keepAlive: String orFilters: [AndFilterInput!]
    viewUrn: String searchFlags: SearchFlags sortInput: SearchSortInput
  }
  input SearchAcrossLineageInput {
    urn: String direction: LineageDirection! types: [EntityType!] query: String start: Int count: Int
    filters: [FacetFilterInput!] orFilters: [AndFilterInput!] searchFlags: SearchFlags
    startTimeMillis: Long endTimeMillis: Long
  }
  input ScrollAcrossLineageInput {
    urn: String direction: LineageDirection! types: [EntityType!] query: String count: Int scrollId: String keepAlive: String
    orFilters: [AndFilterInput!] searchFlags: SearchFlags startTimeMillis: Long endTimeMillis: Long
  }
  type MatchedField { name: String! value: String! entity: Entity }
  type ExtraProperty { name: String! value: String! }
  type SearchResult { entity: Entity! matchedFields: [MatchedField!]! extraProperties: [ExtraProperty!] score: Float }
  type AggregationMetadata { value: String! count: Long! displayName: String entity: Entity }
  type FacetMetadata { field: String! displayName: String aggregations: [AggregationMetadata!]! }
  type SearchResults { start: Int! count: Int! total: Int! searchResults: [SearchResult!]! facets: [FacetMetadata!] }
  type ScrollResults { nextScrollId: String count: Int! total: Int! searchResults: [SearchResult!]! facets: [FacetMetadata!] }
  type EntityPath { path: [Entity]! }
  type SearchAcrossLineageResult { entity: Entity! degree: Int! degrees: [Int!] paths: [EntityPath!]! matchedFields: [MatchedField!]! }
  type SearchAcrossLineageResults { start: Int! count: Int! total: Int! searchResults: [SearchAcrossLineageResult!]! facets: [FacetMetadata!] }
  type ScrollAcrossLineageResults { nextScrollId: String count: Int! total: Int! searchResults: [SearchAcrossLineageResult!]! facets: [FacetMetadata!] }
  type AppConfig { appVersion: String }
  type AuthenticatedUser { corpUser: CorpUser }`;

/** DataHub's GraphQL, as far as its CLI and SDK ask it. @param entityTypes as in URNs */
export function schemaOf(entityTypes: readonly string[]): string {
  const types = entityTypes.map((type) => `type ${pascal(type)} implements Entity {${FIELDS}\n}`);
  const one = entityTypes.map((type) => `${fieldOf(type)}(urn: String!): ${pascal(type)}`);
  return `${REST}
  enum EntityType { ${entityTypes.map(camelToSnake).join(' ')} }
  ${types.join('\n')}
  type Query {
    ${one.join('\n')}
    entity(urn: String!): Entity
    entities(urns: [String!]!): [Entity]
    search(input: SearchInput!): SearchResults
    searchAcrossEntities(input: SearchAcrossEntitiesInput!): SearchResults
    scrollAcrossEntities(input: ScrollAcrossEntitiesInput!): ScrollResults
    searchAcrossLineage(input: SearchAcrossLineageInput!): SearchAcrossLineageResults
    scrollAcrossLineage(input: ScrollAcrossLineageInput!): ScrollAcrossLineageResults
    appConfig: AppConfig
    me: AuthenticatedUser
  }`;
}

/** `dataset`, `dataJob`, `corpUser`. */
const fieldOf = (type: string): string => {
  const name = pascal(type);
  return name.replace(/^[A-Z]+(?=[A-Z][a-z])|^[A-Z]/, (start) => start.toLowerCase());
};
