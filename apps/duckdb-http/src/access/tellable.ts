import { RequestError } from '@stack/http-server';
import { type Grant, mayRead, mayReadAll } from './grant';

/** A token that reads some tables only learns no names of the others from an error. */
export function tellable(error: unknown, grant: Grant): unknown {
  if (!(error instanceof RequestError) || mayReadAll(grant)) return error;
  const { nearest: all, remedy, ...details } = error.details;
  const nearest = all?.filter((name) => mayRead(grant, name));
  const message = error.message.replace(/\s*(Did you mean|Candidate)[^]*$/, '');
  const what = remedy.replace(/: is it .*$/, '');
  return new RequestError(error.status, error.code, message, {
    ...details,
    ...(nearest?.length ? { remedy: `${what}: is it ${nearest.join(', ')}?`, nearest } : { remedy: what }),
  });
}
