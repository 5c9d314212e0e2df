import { single } from '../single';
import imageBatch from './batch';

export default single(imageBatch);
