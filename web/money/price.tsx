import { formatMoney, type Money } from './money.ts';

export const Price = ({ money, className }: { money: Money; className?: string }) => (
  <span className={`tabular ${className ?? ''}`}>{formatMoney(money)}</span>
);
