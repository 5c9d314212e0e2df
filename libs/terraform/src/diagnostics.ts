/** Terraform's failures as errors that say what failed, where, and what to do. */
import { StackError } from '@stack/model';

interface Known {
  readonly pattern: RegExp;
  readonly code: string;
  readonly message: (unit: string, match: RegExpExecArray, text: string) => string;
  readonly remedy: (unit: string, match: RegExpExecArray, text: string) => string;
}

const field = (name: string, text: string) =>
  new RegExp(`^\\s*${name}:\\s*(.+)$`, 'm').exec(text)?.[1].trim();

const KNOWN: readonly Known[] = [
  {
    pattern: /Error acquiring the state lock|state lock/i,
    code: 'STATE_LOCKED',
    message: (unit, _match, text) =>
      `the state of ${unit} is locked by ${field('Who', text) ?? 'somebody'} (${field('Operation', text) ?? 'unknown work'}, since ${field('Created', text) ?? '?'})`,
    remedy: (unit, _match, text) =>
      `wait until that is done; if it was interrupted: make state-unlock UNIT=${unit} ID=${field('ID', text) ?? '<id>'} ENV=<environment>`,
  },
  {
    pattern: /No valid credential sources found|failed to refresh cached credentials|NoCredentialProviders/i,
    code: 'NO_CREDENTIALS',
    message: () => 'there are no credentials for AWS',
    remedy: () => 'log in: aws sso login, or set AWS_PROFILE or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY',
  },
  {
    pattern:
      /ExpiredToken|token (included in the request )?(is|has) expired|SSO session has expired|RequestExpired/i,
    code: 'CREDENTIALS_EXPIRED',
    message: () => 'the credentials for AWS have expired',
    remedy: () => 'log in again (aws sso login), then repeat the command: what was done stays done',
  },
  {
    pattern: /AWS account ID not allowed: (\d+)/i,
    code: 'WRONG_ACCOUNT',
    message: (_unit, match) =>
      `the credentials are those of the account ${match[1]}, not of this environment's`,
    remedy: () => 'choose another profile (AWS_PROFILE), or correct `account` in infra/environments.yml',
  },
  {
    pattern: /BucketAlreadyExists|BucketAlreadyOwnedByYou/,
    code: 'BUCKET_TAKEN',
    message: (unit) => `a bucket of ${unit} exists already, and isn't in its state`,
    remedy: () =>
      'bucket names are unique in the world: choose another `project` in infra/environments.yml; one of your own: terraform import',
  },
  {
    pattern:
      /IllegalLocationConstraintException|AuthorizationHeaderMalformed|PermanentRedirect|requested bucket .* in a different region/i,
    code: 'WRONG_REGION',
    message: (unit) => `${unit}: what it asks for is in another region`,
    remedy: () =>
      'correct `region` in infra/environments.yml: it is where the environment was first deployed',
  },
  {
    pattern: /AccessDenied|UnauthorizedOperation|is not authorized to perform: (\S+)/i,
    code: 'NOT_ALLOWED',
    message: (unit, match) => `${unit}: AWS doesn't allow it${match[1] ? `: ${match[1]}` : ''}`,
    remedy: () =>
      'use credentials that may; a deploy by a workflow has what infra/github-oidc/policies.ts gives',
  },
  {
    pattern:
      /Failed to query available provider packages|could not connect to registry|Failed to install provider|Invalid provider registry host/i,
    code: 'NO_PROVIDER',
    message: (unit) => `${unit}: Terraform's provider can't be fetched from its registry`,
    remedy: () =>
      'look at the network (proxy: HTTPS_PROXY); a mirror of your own: provider_installation in ~/.terraformrc',
  },
  {
    pattern: /Saved plan is stale/i,
    code: 'PLAN_STALE',
    message: (unit) => `${unit}: somebody changed its state after the plan was made`,
    remedy: () => 'repeat the command: it plans again',
  },
  {
    pattern:
      /Unable to find remote state|No stored state was found|(?=[\s\S]*terraform_remote_state)Unsupported attribute|has no attribute named|does not have an attribute named/i,
    code: 'NOT_YET_THERE',
    message: (unit) => `${unit} reads the outputs of a unit that isn't deployed`,
    remedy: () => 'deploy everything below it first: make deploy-prod',
  },
];

/** @param messages what Terraform said: diagnostics, and its standard error */
export function explain(command: string, messages: readonly string[], unit: string): StackError {
  const text = messages.join('\n').trim();
  const lines = text
    .split('\n')
    .map((line) => line.replace(/^[│╷╵\s]+/, '').trimEnd())
    .filter(Boolean);
  for (const { pattern, code, message, remedy } of KNOWN) {
    const match = pattern.exec(text);
    if (match)
      return new StackError(
        code,
        message(unit, match, clean(text)),
        remedy(unit, match, clean(text)),
        lines.slice(0, 12),
      );
  }
  return new StackError(
    'TERRAFORM_FAILED',
    `${unit}: ${command === 'asking AWS' ? command : `terraform ${command}`} failed`,
    undefined,
    lines.slice(0, 20),
  );
}

const clean = (text: string) => text.replace(/^[│╷╵]\s?/gm, '');
