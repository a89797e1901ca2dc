/** @file
 * The names of the runtime's error codes, from its header when this is built.
 */
#ifndef KVSPAN_STANDIN_CUDART_ERROR_NAMES_H
#define KVSPAN_STANDIN_CUDART_ERROR_NAMES_H

typedef struct error_name {
    int number;
    const char *name; /* NULL: the table ends */
} error_name;

extern const error_name error_names[];

#endif
