import { single } from '../single';
import noopBatch from './batch';

export default single(noopBatch);
