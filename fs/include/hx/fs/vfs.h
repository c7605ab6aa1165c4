/* SPDX-License-Identifier: MIT */
/*
 * Files by path: mounts, path walk, open files. Paths are absolute; "." and ".." are resolved;
 * symbolic links are followed at most 40 deep.
 */
#ifndef HX_FS_VFS_H
#define HX_FS_VFS_H

#include <hx/base.h>
#include <hx/fs/fs_class.h>

enum hx_open_flags {
	HX_OPEN_READ = 1,
	HX_OPEN_WRITE = 2,
	HX_OPEN_CREATE = 4,	/* make it if it is not there */
	HX_OPEN_EXCL = 8,	/* with CREATE: -HX_EEXIST if it is there */
	HX_OPEN_TRUNC = 16,
	HX_OPEN_APPEND = 32,
};

struct hx_file {
	struct hx_fnode *node;
	uint64_t pos;
	uint32_t flags;
};

struct hx_fs_stat {
	uint64_t ino, size_bytes, mtime_ns;
	uint32_t type, mode, n_links;
};

/**
 * hx_vfs_mount() - put a filesystem over a directory; the first one must go to "/".
 * hx_vfs_unmount() - take the uppermost filesystem off a path.
 * @type:    name of a registered type: "ramfs"
 * @source:  what to mount, as the type understands it; NULL where it needs none
 * @path:    an existing directory, at most 63 bytes
 * @flags:   HX_MOUNT_* bits
 * @options: as the type understands them, or NULL
 *
 * Returns: 0; -HX_ENODEV no such type or source; -HX_EPROTO or -HX_EINVAL the type is unfit;
 *          -HX_ENOENT, -HX_ENOTDIR the path; -HX_EBUSY "/" is mounted, or (unmount) files are open
 *          or something is mounted inside; -HX_ENOTSUP cannot be unmounted; -HX_ENAMETOOLONG;
 *          -HX_ENOMEM; and what the type answers.
 * Context: thread, may sleep.
 * Locks:   takes vfs_lock.
 * Owner:   strings stay the caller's; the mount belongs to the VFS.
 * Cost:    one walk, and the type's own work.
 * Source:  POSIX leaves mounting open; as Linux mount(2).
 */
HX_MUST_CHECK int hx_vfs_mount(const char *type, const char *source, const char *path,
			       uint32_t flags, const char *options);
HX_MUST_CHECK int hx_vfs_unmount(const char *path);

/**
 * hx_vfs_open() - open a file or directory.
 * hx_vfs_close() - end it; an unlinked file is gone with its last close.
 * @f:     filled; the caller's for as long as it is open
 * @path:  absolute
 * @flags: enum hx_open_flags; READ, WRITE or both
 * @mode:  permission bits of a file that is made
 *
 * Returns: 0; -HX_EINVAL flags or path; -HX_ENOENT; -HX_ENOTDIR; -HX_EISDIR writing a directory;
 *          -HX_EEXIST with EXCL; -HX_ELOOP; -HX_EROFS; -HX_ENAMETOOLONG; -HX_ENOMEM.
 * Context: thread, may sleep.
 * Locks:   takes vfs_lock, then locks of nodes.
 * Owner:   *f holds one reference until closed.
 * Cost:    one look-up per component.
 * Source:  POSIX.1-2017 open(), close(). Differs: no file descriptors on this level.
 */
HX_MUST_CHECK int hx_vfs_open(struct hx_file *f, const char *path, unsigned flags, uint32_t mode);
void hx_vfs_close(struct hx_file *f);

/**
 * hx_vfs_read() - bytes from the position of an open file, which moves.
 * hx_vfs_write() - bytes to it; with APPEND to the end of the file.
 * hx_vfs_pread() - bytes from an offset; the position stays.
 * hx_vfs_pwrite() - bytes to an offset.
 * hx_vfs_seek() - set the position.
 * @f:    open for it
 * @buf:  at least @size bytes
 * @size: bytes wanted
 * @off:  bytes from the start
 * @pos:  bytes from the start, may lie past the end
 *
 * A thread that pays for a holder of resources (hx/core/resources_io.h) waits until the holder's
 * bandwidth allows it, and may get less at a time.
 *
 * Returns: bytes moved, short at the end of file, when space ran out or by a holder's bandwidth
 *          (seek: 0); -HX_EBADF not open for it; -HX_EISDIR; -HX_EINVAL; -HX_EFBIG; -HX_ENOSPC;
 *          -HX_EIO; -HX_EAGAIN the holder's bandwidth does not allow it for too long.
 * Context: thread, may sleep.
 * Locks:   takes the node's lock.
 * Owner:   @buf stays the caller's.
 * Cost:    O(@size) plus one mutex pair.
 * Source:  POSIX.1-2017 read(), write(), lseek().
 */
hx_ssize_t hx_vfs_read(struct hx_file *f, void *buf, size_t size);
hx_ssize_t hx_vfs_write(struct hx_file *f, const void *buf, size_t size);
hx_ssize_t hx_vfs_pread(struct hx_file *f, void *buf, size_t size, uint64_t off);
hx_ssize_t hx_vfs_pwrite(struct hx_file *f, const void *buf, size_t size, uint64_t off);
HX_MUST_CHECK int hx_vfs_seek(struct hx_file *f, uint64_t pos);

/**
 * hx_vfs_stat() - what a path names; links are followed.
 * hx_vfs_truncate() - set the length of a file; what it grows by reads as zeros.
 * hx_vfs_readlink() - the target of a symbolic link, NUL-terminated.
 * @path: absolute
 * @st:   filled
 * @size: new length in bytes; room in @buf
 * @buf:  receives the target
 *
 * Returns: 0; -HX_ENOENT; -HX_ENOTDIR; -HX_ELOOP; -HX_EISDIR; -HX_EROFS; -HX_EFBIG; -HX_EINVAL
 *          not a link, malformed path; -HX_ERANGE @buf too small; -HX_ENAMETOOLONG; -HX_ENOMEM.
 * Context: thread, may sleep.
 * Locks:   takes vfs_lock, then the node's lock.
 * Owner:   everything stays the caller's.
 * Cost:    one walk; truncate: O(pages cut).
 * Source:  POSIX.1-2017 stat(), truncate(), readlink().
 */
HX_MUST_CHECK int hx_vfs_stat(const char *path, struct hx_fs_stat *st);
HX_MUST_CHECK int hx_vfs_truncate(const char *path, uint64_t size);
HX_MUST_CHECK int hx_vfs_readlink(const char *path, char *buf, size_t size);

/**
 * hx_vfs_mkdir() - make a directory.
 * hx_vfs_symlink() - make a symbolic link.
 * hx_vfs_unlink() - remove a file or link; it lives on while it is open.
 * hx_vfs_rmdir() - remove an empty directory.
 * hx_vfs_rename() - move within one mount, replacing a file or an empty directory of that name.
 * @path, @from, @to: absolute; the last component is made, removed, moved
 * @mode:   permission bits
 * @target: text of the link, 1 to 4,095 bytes
 *
 * Returns: 0; -HX_EEXIST; -HX_ENOENT; -HX_ENOTDIR; -HX_EISDIR; -HX_ENOTEMPTY; -HX_EBUSY a mount
 *          point, or "/"; -HX_EXDEV another mount; -HX_EINVAL malformed, or a directory into
 *          itself; -HX_EROFS; -HX_ENAMETOOLONG; -HX_ELOOP; -HX_ENOMEM.
 * Context: thread, may sleep.
 * Locks:   takes vfs_lock, then locks of directories.
 * Owner:   strings stay the caller's.
 * Cost:    one walk (rename: two) and one change of a directory.
 * Source:  POSIX.1-2017, the functions of these names.
 */
HX_MUST_CHECK int hx_vfs_mkdir(const char *path, uint32_t mode);
HX_MUST_CHECK int hx_vfs_symlink(const char *target, const char *path);
HX_MUST_CHECK int hx_vfs_unlink(const char *path);
HX_MUST_CHECK int hx_vfs_rmdir(const char *path);
HX_MUST_CHECK int hx_vfs_rename(const char *from, const char *to);

/**
 * hx_vfs_readdir() - the next entry of an open directory; "." and ".." are not among them.
 * @dir: open for reading
 * @out: filled
 *
 * Returns: 0; -HX_ENOENT after the last one; -HX_ENOTDIR.
 * Context: thread, may sleep.
 * Locks:   takes the node's lock.
 * Owner:   *out is the caller's copy.
 * Cost:    O(log entries).
 * Source:  POSIX.1-2017 readdir().
 */
HX_MUST_CHECK int hx_vfs_readdir(struct hx_file *dir, struct hx_fs_dirent *out);

#endif
