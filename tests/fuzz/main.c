/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * main.c - a fuzz target without a fuzzer: each file named, or each file of a folder
 * named, is given to it once. What the corpus has found stays found.
 */
#include <dirent.h>
#include <sys/stat.h>

#include "tests/fuzz/fuzz.h"

static int run_file(const char *path)
{
	FILE *f = fopen(path, "re");
	struct stat st;
	uint8_t *p;
	size_t n;

	if (!f || fstat(fileno(f), &st)) {
		perror(path);
		return 1;
	}
	p = malloc((size_t)st.st_size + 1);
	FUZZ_CHECK(p);
	n = fread(p, 1, (size_t)st.st_size, f);
	fclose(f);
	printf("%s\n", path);
	fflush(stdout); /* the last line names what crashed it */
	LLVMFuzzerTestOneInput(p, n);
	free(p);
	return 0;
}

static int run_folder(const char *path, unsigned *n)
{
	DIR *d = opendir(path);
	struct dirent *e;
	char name[4096];
	int err = 0;

	if (!d) {
		(*n)++;
		return run_file(path);
	}
	while (!err && (e = readdir(d))) {
		if (e->d_name[0] == '.')
			continue;
		snprintf(name, sizeof(name), "%s/%s", path, e->d_name);
		err = run_file(name);
		(*n)++;
	}
	closedir(d);
	return err;
}

int main(int argc, char **argv)
{
	unsigned n = 0;
	int err = 0;

	for (int i = 1; i < argc && !err; i++)
		err = run_folder(argv[i], &n);
	printf("%u inputs\n", n);
	return err || !n;
}
