from tigrest import Handler


class Broken(Handler):
    regex = "/too_many_arguments/([^/]+)"

    def exec_get(self, service, first, second):
        return {}
