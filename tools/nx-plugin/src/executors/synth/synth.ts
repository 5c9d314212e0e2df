import { single } from '../single';
import synthBatch from './batch';

export default single(synthBatch);
