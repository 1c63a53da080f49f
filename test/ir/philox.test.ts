import { philox, uniforms } from '../../lib/ir/philox';

describe('philox', () => {
  // known answers of the authors' Random123 library, philox4x32 with 10 rounds
  it.each<[number[], number[], number[]]>([
    [
      [0, 0, 0, 0],
      [0, 0],
      [0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8],
    ],
    [Array(4).fill(0xffffffff), Array(2).fill(0xffffffff), [0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd]],
    [
      [0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344],
      [0xa4093822, 0x299f31d0],
      [0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1],
    ],
  ])('of counter %j and key %j', (counter, [key0, key1], expected) => {
    expect(philox(key0, key1, counter as [number, number, number, number])).toEqual(expected);
  });
});

describe('uniforms', () => {
  it('are a window on one stream, of 24 bits in [0, 1)', () => {
    const all = uniforms(50, 3, 1, 7);
    expect([...uniforms(13, 3, 1, 7, 9)]).toEqual([...all.slice(9, 22)]);
    for (const u of all) expect(u >= 0 && u < 1 && Number.isInteger(u * 2 ** 24)).toBe(true);
  });

  it('differ by seed, stream and counter', () => {
    const draws = [
      uniforms(4, 1, 1, 1),
      uniforms(4, 2, 1, 1),
      uniforms(4, 1, 2, 1),
      uniforms(4, 1, 1, 2),
      uniforms(4, -1, 1, 1),
    ];
    expect(new Set(draws.map((d) => d.join())).size).toBe(draws.length);
  });

  it('have the mean and variance of a uniform', () => {
    const u = uniforms(20000, 11, 0);
    const mean = u.reduce((a, b) => a + b, 0) / u.length;
    const variance = u.reduce((a, b) => a + (b - mean) ** 2, 0) / u.length;
    expect(Math.abs(mean - 0.5)).toBeLessThan(0.01);
    expect(Math.abs(variance - 1 / 12)).toBeLessThan(0.003);
  });
});
