import { containersHere } from '@stack/testing';

describe('DataHub’s pages', () => {
  const { of } = containersHere();
  const [pages] = of('datahub-frontend');
  const gms = of('datahub-gms').at(-1);

  it('find the service at the port that it has inside', () => {
    expect([pages.env.DATAHUB_GMS_HOST, pages.env.DATAHUB_GMS_PORT]).toEqual(['datahub-gms', '8080']);
    expect(pages.after).toContain('datahub-gms');
  });

  it('share the service’s secret, and have their own password', () => {
    expect(pages.secrets.DATAHUB_SYSTEM_CLIENT_SECRET).toBe(gms?.secrets.DATAHUB_SYSTEM_CLIENT_SECRET);
    expect(pages.secrets.ADMIN_PASSWORD).toMatch(/^[\w-]{32}$/);
  });
});
