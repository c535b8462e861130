/* Prints the order of bytes and the sizes that a cross compiler must know. */
#include <stdint.h>
#include <stdio.h>

int main(void)
{
    const uint32_t word = 1;
    const int little = *(const unsigned char *)&word == 1;

    printf("%s-endian, %zu-bit pointers, %zu-bit long\n",
           little ? "little" : "big", 8 * sizeof(void *), 8 * sizeof(long));
    return 0;
}
