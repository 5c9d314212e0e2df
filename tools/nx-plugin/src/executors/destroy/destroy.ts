import { single } from '../single';
import destroyBatch from './batch';

export default single(destroyBatch);
