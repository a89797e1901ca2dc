/** @file
 * What marks a name as public, and the version of these headers.
 */
#ifndef KVSPAN_EXPORT_H
#define KVSPAN_EXPORT_H

#define KVSPAN_VERSION_MAJOR 0       /**< grows when a caller has to change */
#define KVSPAN_VERSION_MINOR 1       /**< grows when something is added */
#define KVSPAN_VERSION_PATCH 0       /**< grows when something is mended */
#define KVSPAN_VERSION_TEXT  "0.1.0" /**< the three above */

#ifndef KVSPAN_API
/** Marks the names that a shared library exports. */
#    define KVSPAN_API __attribute__((visibility("default")))
#endif

#ifdef __cplusplus
extern "C" {
#endif

/**
 * Gives the version of the library that is loaded, such as "0.1.0"; compare it with
 * #KVSPAN_VERSION_TEXT to see whether headers and library belong together.
 *
 * @return a static string, never NULL
 */
KVSPAN_API const char *kvspan_version(void);

#ifdef __cplusplus
}
#endif

#endif
