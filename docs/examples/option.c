// The price of a European call option by Monte Carlo, its standard error, and beside them the price in closed form (Black
// and Scholes). Arguments: PATHS SEED [SPOT STRIKE RATE VOLATILITY YEARS]. One seed, one result, on whatever machine;
// prices of several seeds (one job each) are averaged.
//
// Build: clang --target=wasm32-wasi -O2 -Wl,--strip-all -o option.wasm option.c -lm
// Run:   bushel run option.wasm --verify 3 -- 1000000 7
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

static uint64_t state[4];

/* splitmix64 of the seed. */
static void seed(uint64_t x) {
  for (int i = 0; i < 4; i++) {
    uint64_t z = x += 0x9e3779b97f4a7c15;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
    z = (z ^ z >> 27) * 0x94d049bb133111eb;
    state[i] = z ^ z >> 31;
  }
}

static uint64_t rol(uint64_t x, int n) { return x << n | x >> (64 - n); }

/* xoshiro256++ (Blackman and Vigna), as a number above 0 and up to 1. */
static double uniform(void) {
  uint64_t result = rol(state[0] + state[3], 23) + state[0], t = state[1] << 17;
  state[2] ^= state[0], state[3] ^= state[1], state[1] ^= state[2], state[0] ^= state[3];
  state[2] ^= t, state[3] = rol(state[3], 45);
  return (double)((result >> 11) + 1) / 9007199254740992.0;
}

static double normal_below(double x) { return erfc(-x / sqrt(2)) / 2; }

int main(int argc, char **argv) {
  double given[] = {100, 105, 0.03, 0.2, 1};
  if (argc < 3 || argc > 8) {
    fprintf(stderr, "arguments: PATHS SEED [SPOT STRIKE RATE VOLATILITY YEARS]\n");
    return 2;
  }
  long long paths = atoll(argv[1]);
  seed(strtoull(argv[2], NULL, 10));
  for (int i = 3; i < argc; i++) given[i - 3] = atof(argv[i]);
  double spot = given[0], strike = given[1], rate = given[2], volatility = given[3], years = given[4];
  double spread = volatility * sqrt(years), drift = (rate - volatility * volatility / 2) * years;
  double discount = exp(-rate * years), sum = 0, squares = 0;
  if (paths < 2 || !(spot > 0) || !(strike > 0) || !(spread > 0)) {
    fprintf(stderr, "nothing to be priced: two paths at least, and SPOT, STRIKE, VOLATILITY and YEARS above 0\n");
    return 2;
  }
  for (long long i = 0; i < paths; i++) {
    double far = sqrt(-2 * log(uniform()));
    double normal = far * cos(2 * M_PI * uniform()); /* Box and Muller */
    double end = spot * exp(drift + spread * normal), gain = end > strike ? discount * (end - strike) : 0;
    sum += gain, squares += gain * gain;
  }
  double mean = sum / paths, error = sqrt((squares / paths - mean * mean) / (paths - 1));
  double d = (log(spot / strike) + drift) / spread;
  double exact = spot * normal_below(d + spread) - strike * discount * normal_below(d);
  printf("price %.6f error %.6f closed form %.6f\n", mean, error, exact);
}
