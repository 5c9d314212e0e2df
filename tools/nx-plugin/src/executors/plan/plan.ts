import { single } from '../single';
import planBatch from './batch';

export default single(planBatch);
