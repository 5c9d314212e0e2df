/** For specs: what IAM would decide, by an evaluator of policies rather than by their text. */
import { type Simulation, runSimulation } from '@cloud-copilot/iam-simulate';

const ACCOUNT = '111122223333';

export interface Request {
  readonly action: string;
  readonly resource: string;
  readonly principal?: string;
  readonly context?: Record<string, string | string[]>;
  /** Policies of the caller. */
  readonly policies?: readonly object[];
  /** The most that the caller may. */
  readonly boundary?: object;
  /** Policy of the resource: a bucket's, a role's trust. */
  readonly resourcePolicy?: object;
}

/** `Allowed`, `ImplicitlyDenied` or `ExplicitlyDenied`. */
export async function decide(request: Request): Promise<string> {
  const {
    action,
    resource,
    principal = `arn:aws:iam::${ACCOUNT}:role/it`,
    context = {},
    policies = [],
  } = request;
  const everything = { Version: '2012-10-17', Statement: [{ Effect: 'Allow', Action: '*', Resource: '*' }] };
  const simulation: Simulation = {
    request: { action, principal, resource: { resource, accountId: ACCOUNT }, contextVariables: context },
    identityPolicies: policies.map((policy, i) => ({ name: `policy-${i}`, policy })),
    serviceControlPolicies: [
      { orgIdentifier: 'o-1', policies: [{ name: 'everything', policy: everything }] },
    ],
    resourceControlPolicies: [],
    resourcePolicy: request.resourcePolicy,
    permissionBoundaryPolicies: request.boundary
      ? [{ name: 'boundary', policy: request.boundary }]
      : undefined,
  };
  const result = await runSimulation(known(simulation), {});
  if (result.resultType === 'error') throw new Error(JSON.stringify(result.errors));
  return String(result.overallResult);
}

/**
 * The evaluator knows the keys of a few issuers only, and drops those of others, which are what a trust policy is about: GitHub's
 * stand under the name of one that it knows, in the policy as in the request.
 */
const known = (simulation: Simulation): Simulation =>
  JSON.parse(
    JSON.stringify(simulation).replaceAll('token.actions.githubusercontent.com:', 'accounts.google.com:'),
  ) as Simulation;
