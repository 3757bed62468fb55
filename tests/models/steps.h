/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the models have in common. PROPERTY(name) and HOLD(name, condition): an assertion with a name, that
 * check.py finds in the counterexample. STEPn(format, ...): a line of a run for the replay against the real
 * code; nothing in a search.
 */
#define PROPERTY(name)	      hidden byte name; /* never set: only the assertion's name */
#define HOLD(name, condition) assert((condition) || name)

#ifdef TRACE
#define STEP1(text)		      printf(text)
#define STEP2(text, a)		      printf(text, a)
#define STEP3(text, a, b)	      printf(text, a, b)
#define STEP4(text, a, b, c)	      printf(text, a, b, c)
#define STEP5(text, a, b, c, d)	      printf(text, a, b, c, d)
#define STEP6(text, a, b, c, d, e)    printf(text, a, b, c, d, e)
#define STEP7(text, a, b, c, d, e, f) printf(text, a, b, c, d, e, f)
#else
#define STEP1(text)		      skip
#define STEP2(text, a)		      skip
#define STEP3(text, a, b)	      skip
#define STEP4(text, a, b, c)	      skip
#define STEP5(text, a, b, c, d)	      skip
#define STEP6(text, a, b, c, d, e)    skip
#define STEP7(text, a, b, c, d, e, f) skip
#endif
