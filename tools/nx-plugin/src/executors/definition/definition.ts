import { single } from '../single';
import definitionBatch from './batch';

export default single(definitionBatch);
