/** A line without axes, beside a figure that says the same; null is a gap. */
export const Spark = ({ values, className }: { values: readonly (number | null)[]; className?: string }) => {
  const known = values.filter((value) => value !== null);
  if (known.length < 2) return <svg aria-hidden="true" viewBox="0 0 100 28" className={className} />;
  const max = Math.max(...known, 1);
  const x = (at: number): string => ((at / (values.length - 1)) * 100).toFixed(1);
  let path = '';
  let isDown = false;
  values.forEach((value, at) => {
    if (value === null) {
      isDown = false;
      return;
    }
    path += `${isDown ? 'L' : 'M'}${x(at)} ${(26 - (Math.max(0, value) / max) * 24).toFixed(1)}`;
    isDown = true;
  });
  return (
    <svg aria-hidden="true" viewBox="0 0 100 28" preserveAspectRatio="none" className={className}>
      <path
        d={path}
        fill="none"
        strokeWidth="1.75"
        vectorEffect="non-scaling-stroke"
        className="stroke-series-1"
      />
    </svg>
  );
};
