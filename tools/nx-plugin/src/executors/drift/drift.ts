import { single } from '../single';
import driftBatch from './batch';

export default single(driftBatch);
