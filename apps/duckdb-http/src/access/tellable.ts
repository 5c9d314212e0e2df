import { RequestError } from '@stack/http-server';
import { type Grant, mayReadAll } from './grant';

/** A token that reads some tables only learns no names of the others from an error. */
export function tellable(error: unknown, grant: Grant): unknown {
  if (!(error instanceof RequestError) || mayReadAll(grant)) return error;
  const { nearest: _, ...details } = error.details;
  const message = error.message.replace(/\s*(Did you mean|Candidate)[^]*$/, '');
  return new RequestError(error.status, error.code, message, {
    ...details,
    remedy: details.remedy.replace(/: is it .*$/, ''),
  });
}
