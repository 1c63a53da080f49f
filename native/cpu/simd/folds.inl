// Many vectors folded at once, each to one number: by halves, in a third of the instructions that one after the other takes,
// which moreover wait for each other. Included after vector.inl.

template <int... lane>
struct Lanes {};
#if STEEPEST_WIDTH == 16
using AllLanes = Lanes<0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15>;
#elif STEEPEST_WIDTH == 8
using AllLanes = Lanes<0, 1, 2, 3, 4, 5, 6, 7>;
#else
using AllLanes = Lanes<0, 1, 2, 3>;
#endif

struct Add {
  template <typename V>
  STEEPEST_INLINE V operator()(V a, V b) const {
    return a + b;
  }
};
struct Max {
  template <typename V>
  STEEPEST_INLINE V operator()(V a, V b) const {
    return a > b ? a : b;
  }
};
struct Min {
  template <typename V>
  STEEPEST_INLINE V operator()(V a, V b) const {
    return a < b ? a : b;
  }
};

// Groups of `size` lanes of x and y, each folded by halves: half as many lanes. Groups of more than four lanes of x come
// before those of y, smaller ones beside each other in the same four lanes, which is one instruction on every processor.
template <int size, typename V, typename Op, int... lane>
STEEPEST_INLINE V foldHalves(V x, V y, Op op, Lanes<lane...>) {
  constexpr int half = size / 2;
  if constexpr (size > 4) {
    return op(__builtin_shufflevector(x, y, (lane / half * size + lane % half)...),
              __builtin_shufflevector(x, y, (lane / half * size + lane % half + half)...));
  } else {
    return op(__builtin_shufflevector(x, y, (lane / 4 * 4 + lane / 2 % 2 * kWidth + lane % 2 * (2 / half))...),
              __builtin_shufflevector(x, y, (lane / 4 * 4 + lane / 2 % 2 * kWidth + lane % 2 * (2 / half) + half)...));
  }
}

// Lane i becomes what the lanes of vector i fold to. Overwrites the vectors.
template <int size = kWidth, typename V, typename Op>
STEEPEST_INLINE V foldEach(V (&v)[kWidth], Op op) {
  if constexpr (size > 1) {
#pragma GCC unroll 16
    for (int i = 0; i < size / 2; ++i) {
      const int x = size > 4 ? i / 4 * 8 + i % 4 : 2 * i, y = size > 4 ? x + 4 : x + 1;
      v[i] = foldHalves<size>(v[x], v[y], op, AllLanes{});
    }
    return foldEach<size / 2>(v, op);
  }
  return v[0];
}
