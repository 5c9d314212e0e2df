/** What makes a job fail, in words for the person who runs it. */
export class SyncError extends Error {
  override name = 'SyncError';

  constructor(
    message: string,
    /** Whether another attempt may go better: a crash may, a wrong password won't. */
    readonly retry: boolean = false,
  ) {
    super(message);
  }
}

/** The job was cancelled, or the service stops. */
export class Interrupted extends Error {
  override name = 'Interrupted';
}

export const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
