import { single } from '../single';
import deployBatch from './batch';

export default single(deployBatch);
