using System.Runtime.InteropServices;
using System.Text;

namespace Microsoft.ML.OnnxRuntime;

/// <summary>The native library, its function table, and the way its errors become exceptions.</summary>
internal static unsafe class Native
{
    private static readonly Lazy<(nint Library, nint Api, string Version)> Loaded = new(Load);

    /// <summary>The function table of the library, which is loaded on first use.</summary>
    /// <exception cref="DllNotFoundException">The library is missing or no ONNX Runtime.</exception>
    public static OrtApi* Api => (OrtApi*)Loaded.Value.Api;

    /// <summary>The library's version, such as <c>1.30.0</c>.</summary>
    public static string Version => Loaded.Value.Version;

    /// <summary>A function that the library exports beside the table.</summary>
    /// <exception cref="EntryPointNotFoundException">It has none of that name.</exception>
    public static nint Export(string name) => NativeLibrary.GetExport(Loaded.Value.Library, name);

    /// <summary>Takes a status from a native call: releases it and throws what it says, if anything.</summary>
    /// <exception cref="OnnxRuntimeException">The call failed.</exception>
    public static void Check(nint status)
    {
        if (status == 0)
        {
            return;
        }

        var code = (ErrorCode)Api->GetErrorCode(status);
        var message = Utf8(Api->GetErrorMessage(status));
        Api->ReleaseStatus(status);
        throw new OnnxRuntimeException(code, message);
    }

    /// <summary>The text of a native string that ends with a zero byte.</summary>
    public static string Utf8(nint text) => Marshal.PtrToStringUTF8(text) ?? "";

    /// <summary>The bytes of a text for native code, with the zero byte at the end.</summary>
    public static byte[] Utf8(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        return Encoding.UTF8.GetBytes(text + '\0');
    }

    /// <summary>Keeps a handle from being released while native code works on it.</summary>
    /// <exception cref="ObjectDisposedException">It was released already.</exception>
    public static Lease Use(this SafeHandle handle) => new(handle);

    private static (nint Library, nint Api, string Version) Load()
    {
        var name = OperatingSystem.IsWindows() ? "onnxruntime.dll"
            : OperatingSystem.IsMacOS() ? "libonnxruntime.1.dylib" : "libonnxruntime.so.1";
        var file = Path.Combine(AppContext.BaseDirectory, name);
        if (!File.Exists(file))
        {
            throw new DllNotFoundException(
                $"The native ONNX Runtime is missing: {file}. " +
                "Run ./test.sh, or 'npm ci --ignore-scripts' in eng/partial-feed, and build again.");
        }

        var library = NativeLibrary.Load(file);
        if (!NativeLibrary.TryGetExport(library, "OrtGetApiBase", out var export))
        {
            throw new DllNotFoundException($"{file} is not ONNX Runtime: it has no OrtGetApiBase.");
        }

        // struct OrtApiBase { const OrtApi* (*GetApi)(uint32_t); const char* (*GetVersionString)(void); }
        var apiBase = (nint*)((delegate* unmanaged[Cdecl]<nint>)export)();
        var version = Utf8(((delegate* unmanaged[Cdecl]<nint>)apiBase[1])());
        var api = ((delegate* unmanaged[Cdecl]<uint, nint>)apiBase[0])(OrtApi.Version);
        return api != 0
            ? (library, api, version)
            : throw new DllNotFoundException(
                $"{file} is ONNX Runtime {version}, which lacks API version {OrtApi.Version}.");
    }

    /// <summary>A handle in use; see <see cref="Use"/>.</summary>
    public readonly ref struct Lease
    {
        private readonly SafeHandle _handle;

        public Lease(SafeHandle handle)
        {
            ArgumentNullException.ThrowIfNull(handle);
            var taken = false;
            handle.DangerousAddRef(ref taken);
            _handle = handle;
        }

        /// <summary>The native pointer, valid until this is disposed.</summary>
        public nint Pointer => _handle.DangerousGetHandle();

        public void Dispose() => _handle.DangerousRelease();
    }
}
