import { findWorkspace } from '@stack/runtime';
import { type Resources, costChange, itemsOf, readPrices } from './cost';

const table = readPrices(findWorkspace());
const task = (cpu: number, memory: number, count: number): Resources => ({
  aws_ecs_task_definition: { task: { cpu: String(cpu), memory: String(memory) } },
  aws_ecs_service: { service: { desired_count: count } },
});

describe('what it costs', () => {
  it('has a price table with its date and its sources', () => {
    expect(table.date).toMatch(/^\d{4}-\d\d-\d\d$/);
    expect(table.sources.length).toBeGreaterThan(3);
  });

  it('multiplies what there is by the table', () => {
    const { fargateCpuHour, fargateGibHour } = table.prices;
    expect(itemsOf(task(512, 2048, 3), table)).toEqual([
      {
        what: 'Fargate: 3 × 0.5 vCPU, 2 GiB',
        monthly: 3 * 730 * (0.5 * fargateCpuHour + 2 * fargateGibHour),
      },
    ]);
    const database = {
      aws_db_instance: { it: { instance_class: 'db.t4g.micro', multi_az: true, allocated_storage: 20 } },
    };
    expect(itemsOf(database, table)[0].what).toBe('RDS: db.t4g.micro in two zones, 20 GiB');
    expect(itemsOf({ aws_iam_role: { it: {} } }, table)).toEqual([]);
  });

  it('says what a plan changes', () => {
    expect(costChange({ before: task(256, 512, 1), after: task(256, 512, 2) }, table)).toMatch(
      /^\+ \$ 10\.\d\d a month$/,
    );
    expect(costChange({ before: task(256, 512, 1), after: {} }, table)).toMatch(/^- \$ 10/);
    expect(costChange({ before: task(256, 512, 1), after: task(256, 512, 1) }, table)).toBe('');
  });

  it('says which price is missing', () => {
    const database = { aws_db_instance: { it: { instance_class: 'db.r9.mega', allocated_storage: 20 } } };
    expect(() => itemsOf(database, table)).toThrow(/has no price for db\.r9\.mega/);
  });
});
