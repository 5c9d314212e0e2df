import { Rotation } from './rotation';

test('work that has begun ends on the old value, which is closed only then', async () => {
  const closed: string[] = [];
  const rotation = new Rotation<string>((value) => void closed.push(value));
  await rotation.swap('old');

  let finish = (): void => undefined;
  const work = rotation.use(async (value) => {
    await new Promise<void>((resolve) => (finish = resolve));
    return value;
  });
  const drained = rotation.swap('new');
  expect(await rotation.use(async (value) => value)).toBe('new');
  expect(closed).toEqual([]);

  finish();
  expect(await work).toBe('old');
  await drained;
  expect(closed).toEqual(['old']);
});
