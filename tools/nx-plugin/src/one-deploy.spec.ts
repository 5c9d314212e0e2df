import { deploys } from './one-deploy';

describe('a run of Nx', () => {
  it.each([
    'deploy redis',
    'run redis:deploy',
    'run redis:deploy:native',
    'run-many -t deploy',
    'run-many -t build deploy',
    'run-many --targets=build,deploy',
    'affected -t=deploy',
  ])('deploys: nx %s', (words) => expect(deploys(['node', 'nx', ...words.split(' ')])).toBe(true));

  it.each([
    'run tests:e2e',
    'run-many -t build test lint',
    'destroy redis',
    'run deployer:build',
    'serve redis',
  ])('doesn’t: nx %s', (words) => expect(deploys(['node', 'nx', ...words.split(' ')])).toBe(false));
});
